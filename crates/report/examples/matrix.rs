//! Renders an invented SLA matrix as a page, with names as long as people write them:
//! `cargo run -p squall-report --example matrix > matrix.html`.

use squall_report::matrix::find;
use squall_wire::matrix::Matrix;

fn main() {
    let text = include_str!("../../wire/vectors/matrix.v1.jsonl");
    let mut matrix: Matrix = serde_json::from_str(text.trim_end()).expect("the vector is sound");
    let mut long = matrix.rows[0].clone();
    long.rule =
        "orders are paid within three hundred milliseconds even where a customer pays with \
                 two cards, and_one_word_that_does_not_end_where_a_line_would_like_it_to_end"
            .into();
    long.cells.iter_mut().for_each(|cell| {
        cell.runs.iter_mut().for_each(|run| run.reason = long.rule.clone());
    });
    matrix.rows.push(long);
    print!("{}", (find("html").expect("there is such a format").render)(&matrix, false));
}
