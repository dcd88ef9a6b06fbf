//! What all measurements share.

use std::process::{Command, Stdio};

use serde_json::Value;

/// A benchmark has nobody to hand an error to but its user.
pub(crate) type Failed = Box<dyn std::error::Error>;

/// Runs a command and reads the last line that it prints.
pub(crate) fn told(command: &mut Command) -> Result<Value, Failed> {
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{command:?} ended with {}", output.status).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let line = text.lines().last().ok_or("nothing was printed")?;
    Ok(serde_json::from_str(line)?)
}
