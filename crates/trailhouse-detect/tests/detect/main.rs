//! Packs as authors write them, and findings as people get them.

#[cfg(test)]
mod findings;
#[cfg(test)]
mod format;
#[cfg(test)]
mod lint;
#[cfg(test)]
mod pack;
#[cfg(test)]
mod sample;
