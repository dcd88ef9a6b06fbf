//! What helps those who write detections: ATT&CK coverage, reports for other programs, the schema
//! of the front matter, skeletons, and the conditions of a detection one by one.

pub mod attack;
pub mod caret;
pub mod conditions;
pub mod coverage;
pub mod junit;
pub mod portable;
pub mod sarif;
pub mod schema;
pub mod skeleton;
