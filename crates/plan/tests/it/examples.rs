//! Every fault's own example, and those of examples/, are read by the catalog and its schema.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use squall_plan::{Catalog, schema};
use squall_spec::{check_experiment, parse_services};

#[test]
fn examples_are_clean_and_of_the_schema() {
    let catalog = Catalog::all();
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let mut seen = 0;
    for name in catalog.names() {
        let text = catalog.get(name).unwrap().describe().example;
        let (experiment, diagnostics) = check_experiment(text, &catalog);
        let errors: Vec<_> = diagnostics.iter().filter(|d| d.is_error()).collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
        assert_eq!(experiment.unwrap().spec.method[0].fault.value, name);
        let value: serde_json::Value = serde_saphyr::from_str(text).unwrap();
        let why: Vec<_> = validator.iter_errors(&value).map(|e| e.to_string()).collect();
        assert!(why.is_empty(), "{name}: {why:?}");
        seen += 1;
    }
    assert!(seen > 0);
}

#[test]
fn the_examples_folder_is_clean() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let diagnostics = if text.contains("kind: Services") {
            parse_services(&text).1
        } else {
            check_experiment(&text, &Catalog::all()).1
        };
        // A fault that this build does not have yet is not the example's mistake.
        let wrong: Vec<_> = diagnostics.iter().filter(|d| d.code != "P101").collect();
        assert!(wrong.is_empty(), "{}: {wrong:?}", path.display());
    }
}

#[test]
fn a_value_at_odds_with_another_shows_both() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/payment-slow.yaml");
    let text = std::fs::read_to_string(folder).unwrap();
    let text = text.replace("jitter: 500ms", "jitter: 600ms, sied: request");
    let (_, diagnostics) = check_experiment(&text, &Catalog::all());
    let marked = |span: squall_spec::Span| &text[span.start..span.end];
    let found: Vec<_> = diagnostics.iter().map(|d| (d.code, marked(d.span), &*d.label)).collect();
    assert_eq!(found, [("F001", "sied", "did you mean \"side\"?")]);
    let text = text.replace(", sied: request", "");
    let (_, diagnostics) = check_experiment(&text, &Catalog::all());
    let [odds] = diagnostics.as_slice() else { panic!("one diagnostic: {diagnostics:?}") };
    let marked = |span: squall_spec::Span| &text[span.start..span.end];
    assert_eq!((odds.code, marked(odds.span)), ("F012", "jitter: 600ms"));
    assert_eq!((marked(odds.others[0].0), &*odds.others[0].1), ("500ms", "the mean"));
}
