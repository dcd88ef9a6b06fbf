//! Packs as authors write them, and findings as people get them.

#[cfg(test)]
mod conditions;
#[cfg(test)]
mod findings;
#[cfg(test)]
mod format;
#[cfg(test)]
mod gate;
#[cfg(test)]
mod lint;
#[cfg(test)]
mod pack;
#[cfg(test)]
mod rulebook;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod schedule;
#[cfg(test)]
mod site;
#[cfg(test)]
mod window;
