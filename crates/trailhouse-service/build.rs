//! Rebuilds the crate when a built-in detection changes: `include_dir!` does not say so itself.

fn main() {
    println!("cargo::rerun-if-changed=../../queries");
}
