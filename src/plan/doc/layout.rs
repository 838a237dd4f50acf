//! Where the boxes of a picture stand: in layers from above, ordered so that few edges cross, each below what leads to it.
//!
//! An edge that passes by a layer has a place of its own in it, so that it meets no box. Lengths are pixels.

use unicode_width::UnicodeWidthStr;

use super::graph::Graph;

/// Cells of a line in a box, the height of a line, the space around the text.
const CELLS: usize = 30;
const LINE: f64 = 17.0;
const CELL: f64 = 7.2;
const PAD: f64 = 10.0;
/// Space between boxes of a layer, and between layers; labels stand in the latter.
const ASIDE: f64 = 34.0;
const BETWEEN: f64 = 60.0;
/// The width of an edge that passes by.
const PASSING: f64 = 12.0;
/// How often boxes are ordered and moved.
const SWEEPS: usize = 24;

/// A box in its place, or an edge that passes by.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    /// The box; `None`: an edge passes.
    pub node: Option<usize>,
    pub layer: usize,
    /// The middle.
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
    pub text: Vec<String>,
    pub words: Vec<String>,
}

/// A picture with everything in its place.
#[derive(Debug)]
pub(super) struct Picture {
    pub spots: Vec<Spot>,
    /// For each edge of the graph the spots that it runs through, from its first box to its last.
    pub runs: Vec<Vec<usize>>,
    pub width: f64,
    pub height: f64,
}

/// Lays a graph out.
pub(super) fn layout(graph: &Graph) -> Picture {
    let layers = layers(graph);
    let mut spots: Vec<Spot> = graph
        .nodes
        .iter()
        .enumerate()
        .map(|(at, node)| {
            let text = wrapped(&node.text, 4);
            let words =
                if node.words.is_empty() { Vec::new() } else { wrapped(&format!("“{}”", node.words), 3) };
            let widest = text.iter().chain(&words).map(|line| line.width()).max().unwrap_or(0);
            let lines = text.len() + words.len();
            let (width, height) = (cells(widest) + 2.0 * PAD, number(lines) * LINE + 2.0 * PAD - 4.0);
            Spot {
                node: Some(at),
                layer: layers.get(at).copied().unwrap_or(0),
                x: 0.0,
                y: 0.0,
                width: width.max(64.0),
                height,
                text,
                words,
            }
        })
        .collect();
    let mut runs = Vec::new();
    for edge in &graph.edges {
        let layer = |node: usize| layers.get(node).copied().unwrap_or(0);
        let mut run = vec![edge.from];
        for layer in layer(edge.from) + 1..layer(edge.to) {
            run.push(spots.len());
            spots.push(Spot {
                node: None,
                layer,
                x: 0.0,
                y: 0.0,
                width: PASSING,
                height: 0.0,
                text: Vec::new(),
                words: Vec::new(),
            });
        }
        run.push(edge.to);
        runs.push(run);
    }
    let mut rows = rows(&spots);
    order(&mut rows, &runs, spots.len());
    place(&mut spots, &rows, &runs);
    let right = spots.iter().map(|spot| spot.x + spot.width / 2.0).fold(0.0, f64::max);
    let bottom = spots.iter().map(|spot| spot.y + spot.height / 2.0).fold(0.0, f64::max);
    Picture { spots, runs, width: right + PAD, height: bottom + PAD }
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn cells(count: usize) -> f64 {
    number(count) * CELL
}

/// Each box as deep as the longest way to it.
fn layers(graph: &Graph) -> Vec<usize> {
    let mut out = vec![0usize; graph.nodes.len()];
    for node in 0..graph.nodes.len() {
        let here = out.get(node).copied().unwrap_or(0);
        for edge in graph.edges.iter().filter(|edge| edge.from == node) {
            if let Some(layer) = out.get_mut(edge.to) {
                *layer = (*layer).max(here + 1);
            }
        }
    }
    out
}

fn rows(spots: &[Spot]) -> Vec<Vec<usize>> {
    let depth = spots.iter().map(|spot| spot.layer + 1).max().unwrap_or(0);
    let mut rows = vec![Vec::new(); depth];
    for (at, spot) in spots.iter().enumerate() {
        if let Some(row) = rows.get_mut(spot.layer) {
            row.push(at);
        }
    }
    rows
}

/// What stands above and below each spot on the edges that run through it.
fn neighbours(runs: &[Vec<usize>], count: usize) -> (Vec<Vec<usize>>, Vec<Vec<usize>>) {
    let (mut above, mut below) = (vec![Vec::new(); count], vec![Vec::new(); count]);
    for pair in runs.iter().flat_map(|run| run.windows(2)) {
        if let [a, b] = pair {
            above.get_mut(*b).into_iter().for_each(|all| all.push(*a));
            below.get_mut(*a).into_iter().for_each(|all| all.push(*b));
        }
    }
    (above, below)
}

/// Orders each layer by the middle of what stands above and below, to and fro.
fn order(rows: &mut [Vec<usize>], runs: &[Vec<usize>], count: usize) {
    let (above, below) = neighbours(runs, count);
    let mut at = vec![0.0; count];
    let note = |row: &[usize], at: &mut Vec<f64>| {
        for (place, spot) in row.iter().enumerate() {
            at.get_mut(*spot).into_iter().for_each(|at| *at = number(place));
        }
    };
    rows.iter().for_each(|row| note(row, &mut at));
    for sweep in 0..SWEEPS {
        let down = sweep % 2 == 0;
        let all = if down { &above } else { &below };
        for step in 0..rows.len() {
            let layer = if down { step } else { rows.len() - 1 - step };
            let Some(row) = rows.get_mut(layer) else { continue };
            let middle = |spot: &usize| {
                let near = all.get(*spot).map_or(&[][..], Vec::as_slice);
                let sum: f64 = near.iter().filter_map(|near| at.get(*near)).sum();
                if near.is_empty() { at.get(*spot).copied().unwrap_or(0.0) } else { sum / number(near.len()) }
            };
            let mut keyed: Vec<(f64, usize)> = row.iter().map(|spot| (middle(spot), *spot)).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            *row = keyed.into_iter().map(|(_, spot)| spot).collect();
            note(row, &mut at);
        }
    }
}

/// Moves each spot towards the middle of its neighbours as far as those beside it let it.
fn place(spots: &mut [Spot], rows: &[Vec<usize>], runs: &[Vec<usize>]) {
    let (above, below) = neighbours(runs, spots.len());
    let mut top = PAD;
    for row in rows {
        let tallest = row.iter().filter_map(|at| spots.get(*at)).map(|spot| spot.height).fold(0.0, f64::max);
        for at in row {
            if let Some(spot) = spots.get_mut(*at) {
                spot.y = top + tallest / 2.0;
                if spot.node.is_none() {
                    spot.height = tallest; // past the boxes of its layer the edge runs straight down
                }
            }
        }
        top += tallest + BETWEEN;
        spread(spots, row, &[]);
    }
    for sweep in 0..SWEEPS {
        let down = sweep % 2 == 0;
        for step in 0..rows.len() {
            let layer = if down { step } else { rows.len() - 1 - step };
            let Some(row) = rows.get(layer) else { continue };
            let wish = |at: &usize| {
                let near = if down { above.get(*at) } else { below.get(*at) };
                let near = near.map_or(&[][..], Vec::as_slice);
                let sum: f64 = near.iter().filter_map(|near| spots.get(*near)).map(|spot| spot.x).sum();
                let here = spots.get(*at).map_or(0.0, |spot| spot.x);
                if near.is_empty() { here } else { sum / number(near.len()) }
            };
            let wishes: Vec<f64> = row.iter().map(wish).collect();
            spread(spots, row, &wishes);
        }
    }
    let left = spots.iter().map(|spot| spot.x - spot.width / 2.0).fold(f64::MAX, f64::min);
    spots.iter_mut().for_each(|spot| spot.x += PAD - left);
}

/// Gives a row its places: as wished, pushed apart where they would meet, half to either side.
fn spread(spots: &mut [Spot], row: &[usize], wishes: &[f64]) {
    let width = |at: usize| spots.get(at).map_or(0.0, |spot| spot.width);
    let apart = |a: usize, b: usize| (width(a) + width(b)) / 2.0 + ASIDE;
    let mut right: Vec<f64> = Vec::with_capacity(row.len());
    for (place, at) in row.iter().enumerate() {
        let wish = wishes.get(place).copied().unwrap_or(0.0);
        let least = match (place.checked_sub(1).and_then(|before| row.get(before)), right.last()) {
            (Some(before), Some(x)) => x + apart(*before, *at),
            _ => f64::MIN,
        };
        right.push(wish.max(least));
    }
    let mut left: Vec<f64> = vec![0.0; row.len()];
    let mut most = f64::MAX;
    for (place, at) in row.iter().enumerate().rev() {
        let wish = wishes.get(place).copied().unwrap_or(0.0);
        let x = wish.min(most);
        if let Some(slot) = left.get_mut(place) {
            *slot = x;
        }
        most = place
            .checked_sub(1)
            .and_then(|before| row.get(before))
            .map_or(f64::MIN, |before| x - apart(*before, *at));
    }
    for ((at, left), right) in row.iter().zip(left).zip(right) {
        if let Some(spot) = spots.get_mut(*at) {
            spot.x = f64::midpoint(left, right);
        }
    }
}

/// A text in lines of at most [`CELLS`] cells; what does not fit in `most` lines is cut.
fn wrapped(text: &str, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut words: Vec<String> = Vec::new();
    for ch in text.chars() {
        let joins = ch.is_ascii_graphic() || "，。、：；？！”）–…".contains(ch);
        match words.last_mut() {
            Some(word) if joins && !word.ends_with(' ') => word.push(ch),
            Some(word) if ch == ' ' => word.push(ch),
            _ => words.push(ch.to_string()),
        }
    }
    for word in words {
        let line = lines.last_mut().map_or(0, |line| line.width());
        if line + word.trim_end().width() > CELLS && line > 0 {
            if lines.len() == most {
                lines.last_mut().into_iter().for_each(|line| {
                    line.pop();
                    line.push('…');
                });
                return lines;
            }
            lines.push(String::new());
        }
        lines.last_mut().into_iter().for_each(|line| line.push_str(&word));
    }
    lines.iter_mut().for_each(|line| *line = line.trim_end().to_string());
    lines
}
