//! The hostile inputs are what the script makes of them.

use trailhouse_testkit::{hostile, moto::PYTHON_VARIABLE};

#[test]
fn the_kept_inputs_and_the_document_are_what_the_script_makes() {
    let Some(python) = std::env::var_os(PYTHON_VARIABLE) else {
        eprintln!("SKIPPED: {PYTHON_VARIABLE} is not set; scripts/test sets it");
        return;
    };
    hostile::check_kept(&python).unwrap();
}

#[test]
fn every_case_expects_one_thing() {
    let cases = hostile::Cases::read().unwrap();
    for case in &cases.object {
        let is_one = [
            case.quarantine.is_some(),
            case.skipped.is_some(),
            case.events > 0 || case.rejects_expected() > 0,
        ];
        assert!(is_one.into_iter().filter(|is_it| *is_it).count() <= 1, "{}", case.name);
        let has_quarantined = case.quarantine.is_some() || !case.rejects.is_empty();
        assert_eq!(case.exit, if has_quarantined { 4 } else { 0 }, "{}", case.name);
    }
    for case in &cases.message {
        let is_one = [case.objects.is_some(), case.ignored.is_some(), case.unreadable.is_some()];
        assert_eq!(is_one.into_iter().filter(|is_it| *is_it).count(), 1, "{}", case.name);
    }
    let count = cases.object.len() + cases.message.len() + cases.key.len();
    assert!(count >= 60, "{count} cases");
}
