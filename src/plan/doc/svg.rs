//! A picture as SVG: boxes by what they are, curves with labels, links to the flows that calls go on in.

use std::fmt::Write;

use super::graph::{Graph, Shape};
use super::html::escaped;
use super::layout::{Picture, Spot};

/// Draws a picture; `link` says where the page of a flow is.
pub(super) fn svg(graph: &Graph, picture: &Picture, link: impl Fn(usize) -> String) -> String {
    let Picture { width, height, .. } = picture;
    let mut out = format!(
        "<svg class=\"flow\" role=\"img\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\">\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">\
         <path d=\"M0 0L8 4L0 8z\"/></marker></defs>\n"
    );
    for run in &picture.runs {
        let spots: Vec<&Spot> = run.iter().filter_map(|at| picture.spots.get(*at)).collect();
        let _ = writeln!(out, "<path class=\"edge\" d=\"{}\"/>", curve(&spots));
    }
    for spot in &picture.spots {
        let Some(node) = spot.node.and_then(|node| graph.nodes.get(node)) else {
            continue;
        };
        match node.shape {
            Shape::Flow(flow) => {
                let _ = writeln!(out, "<a href=\"{}\">{}</a>", link(flow), drawn(spot, node.shape));
            }
            shape => out.push_str(&drawn(spot, shape)),
        }
    }
    // Labels stand above all curves.
    for (edge, run) in graph.edges.iter().zip(&picture.runs) {
        let spots: Vec<&Spot> = run.iter().filter_map(|at| picture.spots.get(*at)).collect();
        if let ([from, next, ..], false) = (spots.as_slice(), edge.label.is_empty()) {
            out.push_str(&label(from, next, &edge.label));
        }
    }
    out + "</svg>\n"
}

/// From the foot of the first box through the places between to the head of the last.
fn curve(spots: &[&Spot]) -> String {
    let mut out = String::new();
    for pair in spots.windows(2) {
        let [from, to] = pair else { continue };
        let (start, end) =
            (from.y + from.height / 2.0, to.y - to.height / 2.0 - if to.node.is_some() { 1.0 } else { 0.0 });
        let middle = f64::midpoint(start, end);
        if out.is_empty() {
            let _ = write!(out, "M{:.1} {start:.1}", from.x);
        } else {
            let _ = write!(out, "L{:.1} {start:.1}", from.x);
        }
        let _ = write!(out, "C{:.1} {middle:.1} {:.1} {middle:.1} {:.1} {end:.1}", from.x, to.x, to.x);
    }
    out
}

fn drawn(spot: &Spot, shape: Shape) -> String {
    let Spot { x, y, width, height, .. } = spot;
    let (left, top) = (x - width / 2.0, y - height / 2.0);
    let class = match shape {
        Shape::Start => "start",
        Shape::Act => "act",
        Shape::Question => "question",
        Shape::Flow(_) => "goes",
        Shape::End => "end",
    };
    let round = match shape {
        Shape::Start | Shape::End => height / 2.0,
        Shape::Question => 12.0,
        _ => 3.0,
    };
    let mut out = format!(
        "<g class=\"{class}\"><rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"{round:.1}\"/>"
    );
    let lines = spot
        .text
        .iter()
        .map(|line| ("", line))
        .chain(spot.words.iter().map(|line| (" class=\"words\"", line)));
    for (at, (class, line)) in (0u32..).zip(lines) {
        let y = top + 22.0 + f64::from(at) * 17.0;
        let _ = write!(out, "<text{class} x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escaped(line));
    }
    out + "</g>\n"
}

/// The label of an edge, two thirds of the way to where it comes next, where edges of one box are apart already.
fn label(from: &Spot, to: &Spot, text: &str) -> String {
    use unicode_width::UnicodeWidthStr;
    let short: String =
        if text.width() > 34 { text.chars().take(30).chain(['…']).collect() } else { text.to_string() };
    let (start, end) = (from.y + from.height / 2.0, to.y - to.height / 2.0);
    let (x, y) = (from.x + (to.x - from.x) * 0.74, start + (end - start) * 0.62);
    let width = f64::from(u32::try_from(short.width()).unwrap_or(40)) * 6.4 + 8.0;
    format!(
        "<g class=\"label\"><rect x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"16\" rx=\"3\"/><text x=\"{x:.1}\" y=\"{:.1}\">{}</text></g>\n",
        x - width / 2.0,
        y - 8.0,
        y + 4.0,
        escaped(&short)
    )
}
