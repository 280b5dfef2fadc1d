//! Text in columns for a terminal: each as wide as its widest cell, the last one wrapped.

use squall_report::width;

/// No line is longer, unless a single word is.
const LINE_MAX: usize = 100;
/// Spaces between two columns.
const GAP: usize = 2;
/// What the last column keeps, however wide the ones before it are.
const LAST_MIN: usize = 30;

/// Rows of cells, with whole lines between them.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    rows: Vec<Row>,
}

#[derive(Debug)]
enum Row {
    Cells(Vec<String>),
    Line(String),
}

impl Columns {
    /// Columns under their names; an empty list names none.
    pub(crate) fn under(names: &[&str]) -> Columns {
        let mut columns = Columns::default();
        if !names.is_empty() {
            columns.row(names);
        }
        columns
    }

    /// Adds a row. Spaces at the beginning of a cell indent it.
    pub(crate) fn row(&mut self, cells: &[&str]) {
        self.rows.push(Row::Cells(cells.iter().map(|cell| (*cell).to_owned()).collect()));
    }

    /// Adds a line that is no row and widens no column.
    pub(crate) fn line(&mut self, text: &str) {
        self.rows.push(Row::Line(text.to_owned()));
    }

    /// All of it, each line ended.
    pub(crate) fn text(&self) -> String {
        let widths = self.widths();
        let mut out = String::new();
        for row in &self.rows {
            match row {
                Row::Line(text) => push(&mut out, text),
                Row::Cells(cells) => write_row(&mut out, cells, &widths),
            }
        }
        out
    }

    /// The widths of all columns that have one after them.
    fn widths(&self) -> Vec<usize> {
        let mut widths = Vec::new();
        for row in &self.rows {
            let Row::Cells(cells) = row else { continue };
            let Some((_, before)) = cells.split_last() else { continue };
            widths.resize(widths.len().max(before.len()), 0);
            for (widest, cell) in widths.iter_mut().zip(before) {
                *widest = width::of(cell).max(*widest);
            }
        }
        widths
    }
}

fn write_row(out: &mut String, cells: &[String], widths: &[usize]) {
    let Some((last, before)) = cells.split_last() else { return };
    let mut head = String::new();
    for (cell, widest) in before.iter().zip(widths) {
        head += &width::left(cell, widest + GAP);
    }
    let room = LINE_MAX.saturating_sub(width::of(&head)).max(LAST_MIN);
    let indent = " ".repeat(width::of(&head));
    for (i, line) in width::wrap(last, room).iter().enumerate() {
        push(out, &format!("{}{line}", if i == 0 { &head } else { &indent }));
    }
}

fn push(out: &mut String, line: &str) {
    out.push_str(line.trim_end());
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_as_wide_as_its_widest_cell_and_the_last_one_wraps() {
        let mut columns = Columns::under(&["FAULT", "HERE", "WHY"]);
        columns.row(&["go.context-shrink", "yes", ""]);
        columns.line("a line that is wider than the first column");
        columns.row(&["  x", "no", &"because ".repeat(12)]);
        assert_eq!(
            columns.text(),
            "FAULT              HERE  WHY
go.context-shrink  yes
a line that is wider than the first column
  x                no    because because because because because because because because because
                         because because because
"
        );
    }

    #[test]
    fn a_row_may_have_fewer_cells_than_others() {
        let mut columns = Columns::default();
        columns.row(&["a", "b", "c"]);
        columns.row(&["alone"]);
        columns.row(&[]);
        assert_eq!(columns.text(), "a  b  c\nalone\n");
    }
}
