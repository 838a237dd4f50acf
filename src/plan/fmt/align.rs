//! Columns: parts of lines that follow each other, and the comments behind them, one below the other.
//!
//! Widths are those of a terminal, where a Chinese character takes two cells.

use std::collections::HashMap;
use std::ops::Range;

use unicode_width::UnicodeWidthStr;

use super::lines::{Key, Line};

/// Blanks between the text of a line and its comment.
const BEFORE_COMMENT: usize = 2;

/// Fills the cells of lines that stand in columns with each other.
pub(super) fn cells(lines: &mut [Line]) {
    let mut blocks: HashMap<Key, Vec<usize>> = HashMap::new();
    for (at, line) in lines.iter().enumerate() {
        if let Some(key) = line.key.filter(|key| key.is_wide()) {
            blocks.entry(key).or_default().push(at);
        }
    }
    let mut groups: Vec<Vec<usize>> = blocks.into_values().collect();
    let narrow = |line: &Line| line.key.is_some_and(|key| !key.is_wide());
    let runs = runs(lines, |a, b| a.key == b.key);
    groups.extend(runs.filter(|run| lines.get(run.start).is_some_and(narrow)).map(Iterator::collect));
    for group in groups {
        fill(lines, &group);
    }
}

fn fill(lines: &mut [Line], group: &[usize]) {
    for column in 0.. {
        let cell = |at: &usize| {
            let cells = &lines.get(*at)?.cells;
            cells.get(column + 1)?;
            cells.get(column).map(|cell| cell.width())
        };
        let Some(widest) = group.iter().filter_map(cell).max() else {
            return;
        };
        for at in group {
            if let Some(line) = lines.get_mut(*at).filter(|line| line.cells.len() > column + 1)
                && let Some(cell) = line.cells.get_mut(column)
            {
                let missing = (widest + 1).saturating_sub(cell.trim_end().width());
                cell.truncate(cell.trim_end().len());
                cell.push_str(&" ".repeat(missing));
            }
        }
    }
}

/// Places the comments behind lines that follow each other.
pub(super) fn comments(lines: &mut [Line]) {
    let behind = |line: &Line| line.comment.is_some() && !line.cells.is_empty();
    let found: Vec<Range<usize>> = runs(lines, |a, b| behind(a) && behind(b)).collect();
    for run in found {
        let Some(run) = lines.get_mut(run) else {
            continue;
        };
        let widest = run.iter().filter(|line| behind(line)).map(Line::width).max().unwrap_or(0);
        for line in run.iter_mut().filter(|line| behind(line)) {
            line.gap = widest - line.width() + BEFORE_COMMENT;
        }
    }
}

/// Lines that follow each other without a blank line, of which each belongs with the one before it.
fn runs<'l>(
    lines: &'l [Line],
    together: impl Fn(&Line, &Line) -> bool + 'l,
) -> impl Iterator<Item = Range<usize>> + 'l {
    let mut next = 0;
    std::iter::from_fn(move || {
        let start = next;
        lines.get(start)?;
        next += 1;
        while let (Some(before), Some(line)) = (lines.get(next - 1), lines.get(next))
            && !line.blank
            && together(before, line)
        {
            next += 1;
        }
        Some(start..next)
    })
}
