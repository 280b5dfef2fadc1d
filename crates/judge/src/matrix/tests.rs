//! The page of cells is judged as it is written, and no page is a pass without data.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use super::cases::{run, updated};
use proptest::prelude::*;

#[test]
fn the_page_of_the_matrix_tells_the_truth() {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/language/matrix.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let found = updated(&page);
    if std::env::var_os("UPDATE_DOCS").is_some() && found != page {
        std::fs::write(&path, &found).unwrap();
    }
    let wrong: Vec<_> = run(&page).into_iter().filter(|case| !case.holds()).collect();
    assert!(wrong.is_empty() && found == page, "{wrong:#?}; UPDATE_DOCS=1 writes what was found");
}

#[test]
fn every_diagnostic_of_the_language_page_is_found_by_the_cases_too() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/language/sla.md");
    let page = std::fs::read_to_string(path).unwrap();
    // Blocks that say what is known of a system are for the other runner.
    let plain = page.split("## Bounds").next().unwrap();
    let cases = run(plain);
    assert!(cases.len() > 2 && cases.iter().all(super::cases::Case::holds), "{cases:#?}");
}

#[test]
fn groups_beyond_the_limit_are_said() {
    let rules = "SLA(\"per user\") WHEN metric=\"m_total\" GOOD \"{r='ok'}\" AGGREGATE ratio(1m) \
                 THRESHOLD >= 99% GROUP BY user;";
    let mut page = format!("```sla\n{rules}\n```\n```series 10s\nup 1x30\n");
    for user in 0..=super::GROUPS_MAX {
        page.push_str(&format!("m_total{{user=\"u{user}\",r=\"ok\"}} 0+10x30\n"));
    }
    page.push_str("```\n```faults\nx.y t 100s..200s bit\n```\n```matrix\n```\n");
    let found = run(&page).remove(0).found;
    assert!(found.ends_with("per user: only 200 of 201 groups are judged\n"), "{found}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    /// Whatever is cut out of the samples of a healthy service, its cell is never ❌, and without
    /// a sample in the fault it is never ✅.
    #[test]
    fn holes_never_make_a_healthy_service_broken_or_an_unseen_one_held(
        holes in proptest::collection::vec((0_usize..60, 1_usize..12), 0..6),
        from in 10_u32..40, length in 1_u32..15,
    ) {
        let mut ok: Vec<String> = (0..60).map(|n| (n * 2_000).to_string()).collect();
        for (at, many) in &holes {
            for hole in ok.iter_mut().skip(*at).take(*many) {
                *hole = "_".into();
            }
        }
        let all_gone = (from..=from + length + 1).all(|n| ok.get(n as usize).is_none_or(|v| v == "_"));
        let page = format!(
            "```sla\nSLA(\"a\") WHEN metric=\"m_total\" WHERE label=\"{{service='s', result='ok'}}\" \
             AGGREGATE ratio(1m) THRESHOLD >= 99%;\n```\n```series 10s\n\
             m_total{{service=\"s\",result=\"ok\"}} {}\nup 1x60\n```\n```faults\nx.y t {}s..{}s bit\n```\n\
             ```matrix\n```\n",
            ok.join(" "), from * 10, (from + length) * 10
        );
        let found = run(&page).remove(0).found;
        prop_assert!(!found.contains('❌'), "{}", found);
        prop_assert!(!all_gone || found.contains('❔'), "{}", found);
    }
}
