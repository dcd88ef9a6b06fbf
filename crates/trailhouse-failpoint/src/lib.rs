//! Named places at which a test may let the process die or freeze, as a crash or a long pause would.
//!
//! Without the feature `failpoints` every call compiles to nothing. With it, the environment
//! variable [`VARIABLE`] holds `name[:nth[:kill|stop]]`, and at the nth time that the process gets
//! to that place it sends itself SIGKILL or SIGSTOP.

#[cfg(feature = "failpoints")]
mod armed;
mod failpoint;

pub use failpoint::Failpoint;

/// The environment variable that chooses a place.
pub const VARIABLE: &str = "TRAILHOUSE_FAILPOINT";

/// Marks a place. Does nothing unless a test chose it.
#[inline]
pub fn reach(place: Failpoint) {
    #[cfg(feature = "failpoints")]
    armed::reach(place);
    #[cfg(not(feature = "failpoints"))]
    let _ = place;
}
