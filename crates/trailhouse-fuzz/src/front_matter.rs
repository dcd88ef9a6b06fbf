//! Detection files: front matter, then SQL.

use trailhouse_detect::{
    Detection, DetectionErrors, LintFinding, definition::read_detection, lint_detection,
};

/// Checks that a file is read or refused with places that lie in it, and that blank lines before
/// it move the places and nothing else.
pub fn front_matter(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let answer = read_detection("x.sql", text);
    match &answer {
        Ok(detection) => check_detection(text, detection),
        Err(errors) => check_errors(text, errors),
    }
    if !text.starts_with('\u{feff}') {
        check_moved(&answer, &read_detection("x.sql", &format!("\n{text}")));
    }
}

fn check_detection(text: &str, detection: &Detection) {
    assert!(!detection.sql.is_empty());
    let below = text.get(detection.body_offset..).expect("the SQL begins in the file");
    assert!(below.starts_with(&detection.sql));
    let breaks = text[..detection.body_offset].matches('\n').count();
    assert_eq!(usize::try_from(detection.body_line), Ok(breaks + 1));
    assert!(detection.sql_hash.len() == 16, "{}", detection.sql_hash);
    for finding in lint_detection("x.sql", detection) {
        let LintFinding { line, message, .. } = finding;
        check_line(text, line);
        assert!(!message.is_empty());
    }
}

fn check_errors(text: &str, errors: &DetectionErrors) {
    let places: Vec<(u32, u32)> = errors.iter().map(|error| (error.line, error.column)).collect();
    assert!(places.is_sorted(), "{places:?}");
    for error in errors.iter() {
        check_line(text, error.line);
        assert!(error.column >= 1);
        let is_harmless = |c: char| !c.is_control() || c == '\n';
        assert!(error.rendered.chars().all(is_harmless), "{:?}", error.rendered);
        assert!(!error.message.contains(char::is_control), "{:?}", error.message);
    }
}

fn check_line(text: &str, line: u32) {
    let lines = text.matches('\n').count() + 1;
    assert!(usize::try_from(line).is_ok_and(|line| (1..=lines).contains(&line)), "line {line}");
}

fn check_moved(
    answer: &Result<Detection, DetectionErrors>,
    moved: &Result<Detection, DetectionErrors>,
) {
    match (answer, moved) {
        (Ok(one), Ok(other)) => {
            let body_offset = one.body_offset + 1;
            let body_line = one.body_line + 1;
            assert_eq!(&Detection { body_offset, body_line, ..one.clone() }, other);
        }
        (Err(one), Err(other)) => {
            let codes = |errors: &DetectionErrors| {
                errors.iter().map(|error| error.code).collect::<Vec<_>>()
            };
            assert_eq!(codes(one), codes(other));
        }
        (one, other) => panic!("{one:?} becomes {other:?} below a blank line"),
    }
}
