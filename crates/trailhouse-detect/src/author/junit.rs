//! Results of cases as JUnit XML, which build servers read.

/// How one case went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JunitCase {
    /// The suite it belongs to: the id of the detection.
    pub suite: String,
    /// Its name.
    pub name: String,
    /// The file it stands in.
    pub file: String,
    /// What is wrong; nothing where it passed.
    pub failures: Vec<String>,
    /// How long it took, in milliseconds.
    pub millis: u64,
}

/// Returns the cases as one document. Cases of one suite stand together where they come together.
pub fn junit(cases: &[JunitCase]) -> String {
    let failed = cases.iter().filter(|case| !case.failures.is_empty()).count();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let (total, seconds) = (cases.len(), seconds(cases));
    xml.push_str(&format!(
        "<testsuites name=\"trailhouse detect test\" tests=\"{total}\" failures=\"{failed}\" time=\"{seconds}\">\n"
    ));
    for suite in cases.chunk_by(|one, other| one.suite == other.suite) {
        push_suite(&mut xml, suite);
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn push_suite(xml: &mut String, cases: &[JunitCase]) {
    let failed = cases.iter().filter(|case| !case.failures.is_empty()).count();
    let name = escape(cases.first().map_or("", |case| case.suite.as_str()));
    let (total, seconds_of_all) = (cases.len(), seconds(cases));
    xml.push_str(&format!(
        "  <testsuite name=\"{name}\" tests=\"{total}\" failures=\"{failed}\" time=\"{seconds_of_all}\">\n"
    ));
    for case in cases {
        let (case_name, file) = (escape(&case.name), escape(&case.file));
        let time = seconds(std::slice::from_ref(case));
        xml.push_str(&format!(
            "    <testcase classname=\"{name}\" name=\"{case_name}\" file=\"{file}\" time=\"{time}\""
        ));
        if case.failures.is_empty() {
            xml.push_str("/>\n");
            continue;
        }
        xml.push_str(">\n");
        for failure in &case.failures {
            let failure = escape(failure);
            xml.push_str(&format!("      <failure message=\"{failure}\"/>\n"));
        }
        xml.push_str("    </testcase>\n");
    }
    xml.push_str("  </testsuite>\n");
}

fn seconds(cases: &[JunitCase]) -> String {
    let millis = cases.iter().fold(0_u64, |sum, case| sum.saturating_add(case.millis));
    format!("{}.{:03}", millis / 1000, millis % 1000)
}

/// Escapes text for an attribute. What XML 1.0 cannot hold at all becomes a replacement character.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            '\t' => escaped.push_str("&#9;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_count_their_cases_and_hostile_text_stays_text() {
        let case = |suite: &str, name: &str, failures: &[&str]| JunitCase {
            suite: suite.to_owned(),
            name: name.to_owned(),
            file: "a/b.tests.json".to_owned(),
            failures: failures.iter().map(|it| (*it).to_owned()).collect(),
            millis: 1_005,
        };
        let xml = junit(&[
            case("one", "fires", &[]),
            case("one", "<\"&\u{1b}>", &["expected 1,\ngot 2"]),
            case("two", "quiet", &[]),
        ]);
        let expected = concat!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
            "<testsuites name=\"trailhouse detect test\" tests=\"3\" failures=\"1\" time=\"3.015\">\n",
            "  <testsuite name=\"one\" tests=\"2\" failures=\"1\" time=\"2.010\">\n",
            "    <testcase classname=\"one\" name=\"fires\" file=\"a/b.tests.json\" time=\"1.005\"/>\n",
            "    <testcase classname=\"one\" name=\"&lt;&quot;&amp;\u{fffd}&gt;\" file=\"a/b.tests.json\" time=\"1.005\">\n",
            "      <failure message=\"expected 1,&#10;got 2\"/>\n",
            "    </testcase>\n",
            "  </testsuite>\n",
            "  <testsuite name=\"two\" tests=\"1\" failures=\"0\" time=\"1.005\">\n",
            "    <testcase classname=\"two\" name=\"quiet\" file=\"a/b.tests.json\" time=\"1.005\"/>\n",
            "  </testsuite>\n",
            "</testsuites>\n",
        );
        assert_eq!(xml, expected);
    }
}
