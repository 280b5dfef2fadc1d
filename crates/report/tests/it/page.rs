//! The HTML page: whole in itself, and nothing from outside becomes markup.

use crate::builder::{self, Builder, SCENARIOS};
use crate::text::render;
use squall_report::Options;

fn page(builder: Builder) -> String {
    render(builder, "html", &Options::default())
}

#[test]
fn it_loads_nothing_and_runs_nothing() {
    for (name, scenario) in SCENARIOS {
        let page = page(scenario());
        let tags: Vec<&str> = page.split('<').skip(1).filter_map(|t| t.split('>').next()).collect();
        for tag in &tags {
            let word = tag.split([' ', '\n']).next().unwrap_or_default();
            assert!(
                !["script", "link", "img", "iframe", "object", "base"].contains(&word),
                "{name}: {tag}"
            );
            for attribute in [" src=", " on", "javascript:", " style=", "http://", "https://"] {
                assert!(!tag.contains(attribute), "{name}: {attribute} in <{tag}>");
            }
            let href = tag.split(" href=\"").nth(1);
            assert!(href.is_none_or(|h| h.starts_with('#')), "{name}: <{tag}>");
        }
        assert!(tags.contains(&"html lang=\"en\""));
        let policy = "default-src 'none'; style-src 'unsafe-inline'";
        assert!(page.contains(policy), "{name}");
        let style = page.split("<style>").nth(1).and_then(|s| s.split("</style>").next());
        assert!(style.is_some_and(|s| !s.contains("url(") && !s.contains("@import")));
    }
}

#[test]
fn tags_are_balanced() {
    const VOID: [&str; 3] = ["meta", "input", "br"];
    for (name, scenario) in SCENARIOS {
        let page = page(scenario());
        let body = page.split("<body>").nth(1).unwrap_or_default();
        let mut open = vec!["html", "body"];
        for part in body.split('<').skip(1) {
            let tag = part.split('>').next().unwrap_or_default();
            assert!(part.contains('>'), "{name}: open tag <{tag}");
            let word = tag.split([' ', '\n', '/']).find(|w| !w.is_empty()).unwrap_or_default();
            if tag.starts_with('/') {
                assert_eq!(open.pop(), Some(word), "{name}: </{word}>");
            } else if !tag.ends_with('/') && !VOID.contains(&word) {
                open.push(word);
            }
        }
        assert_eq!(open, Vec::<&str>::new(), "{name}");
    }
}

#[test]
fn hostile_text_stays_text() {
    let page = page(builder::hostile());
    assert!(!page.contains("<script"));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(page.contains("支付变慢时，订单仍然成功。"));
    assert!(page.contains("<q lang=\"zh\">"));
    assert!(!page.chars().any(|c| c.is_control() && c != '\n'));
}

#[test]
fn it_shows_what_every_format_shows() {
    let page = page(builder::refuted()).replace('\u{a0}', " ");
    for part in [
        "<h1><span class=\"c-refuted\"><span class=\"en\">Refuted</span>",
        ": orders did not keep succeeding</span></h1>",
        "Aborted at 9.00 s of 60 s",
        "Restored in 38 ms",
        "host fingerprint equal, 16 of 16, residue 0",
        "94.8 % [93.3, 96.1] · n = 4,461",
        "class=\"inj\"",
        "class=\"plan\"",
        "class=\"bound\"",
        "href=\"#g-aborted\"",
        "restored in 38 ms",
        "planned to 60 s, not run",
        "class=\"ci\"",
        "aria-label=\"order success over 64 samples: 99.97 % in the baseline, 61.2 % at worst \
         during the fault, bound ≥ 99.95 %, aborted at 9.00 s.\"",
        "<summary>",
        "181<i>=</i>181",
        "apiVersion:",
        "squall 0.1.0",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn gaps_are_never_joined() {
    let page = page(builder::inconclusive());
    let line = page.split("<path class=\"sli\" d=\"").nth(1).unwrap_or_default();
    let line = line.split('"').next().unwrap_or_default();
    assert_eq!(line.matches('M').count(), 2, "one gap makes two lines: {line}");
    assert!(page.contains("<title>no data: scrape timed out</title>"));
}

#[test]
fn what_is_not_restored_comes_first() {
    let page = page(builder::not_restored());
    let now = page.find("kill -CONT 4121").unwrap_or(usize::MAX);
    let verdict = page.find("refuted: orders did not").unwrap_or(0);
    assert!(now < verdict);
    assert!(page.contains("<li class=\"ne\"><span>frozen or stopped processes</span>"));
}
