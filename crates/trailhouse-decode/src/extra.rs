//! The text of `_extra`: what the typed columns of a row cannot reproduce, each value at the place
//! that it had in the record.

use crate::json::write_string;

/// Writes the `_extra` object of one row while its record is walked from the top down.
#[derive(Default)]
pub(crate) struct Extra {
    text: String,
    /// The struct that is being walked, as names from the top.
    path: Vec<&'static str>,
    /// How many of those are already open in the text.
    open: usize,
}

impl Extra {
    /// Starts a new row.
    pub(crate) fn begin(&mut self) {
        self.text.clear();
        self.path.clear();
        self.open = 0;
    }

    /// Goes into a struct of the record. Each struct is entered at most once a row.
    pub(crate) fn enter(&mut self, name: &'static str) {
        self.path.push(name);
    }

    /// Leaves the struct that was entered last.
    pub(crate) fn leave(&mut self) {
        if self.open == self.path.len() {
            self.text.push('}');
            self.open = self.open.saturating_sub(1);
        }
        self.path.pop();
    }

    /// Adds a member to the struct that is being walked.
    pub(crate) fn member(&mut self, name: &str, write: impl FnOnce(&mut String)) {
        if self.text.is_empty() {
            self.text.push('{');
        }
        for struct_name in self.path.iter().skip(self.open) {
            write_name(&mut self.text, struct_name);
            self.text.push('{');
        }
        self.open = self.path.len();
        write_name(&mut self.text, name);
        write(&mut self.text);
    }

    /// Returns the finished object, or nothing where no member was added.
    pub(crate) fn finish(&mut self) -> Option<&str> {
        if self.text.is_empty() {
            return None;
        }
        self.text.push('}');
        Some(&self.text)
    }
}

fn write_name(text: &mut String, name: &str) {
    if !text.ends_with('{') {
        text.push(',');
    }
    write_string(text, name);
    text.push(':');
}
