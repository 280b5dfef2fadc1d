//! The live lines and the block that is redrawn.

use crate::builder::{self, SCENARIOS};
use squall_report::progress::{LINES_MAX, Progress};
use squall_report::style::Style;
use squall_report::width;

#[test]
fn one_line_an_event() {
    let mut progress = Progress::new(Style::default());
    let lines: Vec<String> =
        builder::refuted().lines().iter().filter_map(|line| progress.line(line)).collect();
    let expected = [
        "   -30.00  plan      1 of 2 payment instances, 1 host, at most 60 s",
        "   -30.00  baseline  30 samples",
        "    -0.09  check     order success 99.97 % >= 99.95 %, order latency p95 142 ms <= 300 ms",
        "    -0.02  receipt   r-0193 written and synced in 1.9 ms",
        "     0.00  inject    http.delay jitter 500ms, mean 500ms on payment-1 in 4.1 ms, lease 5 s",
        "     0.04  bite      http.delay on payment-1: 1 of 1 hit",
        "     8.00  strike    1 of 2: order success 91.0 % (44 of 488 failed), order latency p95 1.12 s",
        "     9.00  strike    2 of 2: order success 61.2 % (186 of 479 failed), order latency p95 1.94 s",
        "     9.00  abort     2 anomalous samples in a row, E 412 (limit 100)",
        "     9.00  bite      http.delay on payment-1: 517 of 517 hit",
        "     9.04  restore   http.delay on payment-1 undone in 38 ms, residue 0",
        "     9.05  restore   host fingerprint equal, 16 of 16",
        "    12.04  recover   first sample inside both bounds",
        "    33.04  recover   confirmed: 10,998 orders, none failed",
        "    33.05  verdict   refuted: orders did not keep succeeding",
    ];
    assert_eq!(lines.join("\n"), expected.join("\n"));
}

#[test]
fn the_block_shows_the_last_sample() {
    let mut progress = Progress::new(Style::default());
    let lines = builder::refuted().lines();
    let until = lines.iter().position(|l| l.t_ms == Some(8000)).unwrap_or(0) + 1;
    for line in &lines[..=until] {
        progress.line(line);
    }
    let block = progress.block(lines[until].at_unix_ms, 100);
    let expected = [
        "payment-slow   run 7k2f9                           \
         http.delay → payment-1, jitter 500ms, mean 500ms",
        "",
        "  Holding     8 s of 60 s   ━━━━━━━━╺───────────────────────────────────────────────────",
        "  order success        91.0 %   ≥ 99.95 %   ███████████████████████████▇   n 488   ✗ 1 of 2",
        "  order latency p95    1.12 s   ≤ 300 ms    ▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂█   n 488   ✗ 1 of 2",
        "  evidence             E 2.2    abort at 100",
        "  lease                5 s, renewed while this run lives, then the agent restores",
        "  Ctrl-C stops and restores",
    ];
    assert_eq!(block, expected);
}

#[test]
fn a_block_never_outgrows_the_terminal() {
    for (name, scenario) in SCENARIOS {
        for columns in [0, 20, 40, 80, 100, 240] {
            let mut progress = Progress::new(Style::default());
            assert!(progress.block(0, columns).is_empty());
            for line in scenario().lines() {
                progress.line(&line);
                let block = progress.block(line.at_unix_ms, columns);
                assert!(block.len() <= LINES_MAX, "{name}");
                for text in block {
                    assert!(width::of(&text) < columns.max(20), "{name} at {columns}: {text}");
                    assert!(!text.contains('\n'));
                }
            }
        }
    }
}
