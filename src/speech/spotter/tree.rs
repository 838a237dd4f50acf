//! All texts that a stream watches for, as one tree of phones: what they begin with in common is followed once.
//!
//! Invariant: built once for a set of words and shared by all streams; a child's number is larger than its parent's.

use std::collections::HashMap;

use super::phones::{Symbol, loosely, phones};
use crate::compliance::words::Aloud;

/// Where no text ends.
const NONE: u32 = u32::MAX;

/// A phone of the tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub symbol: Symbol,
    /// Phones from the root to here, this one included.
    pub depth: u8,
    /// The children's numbers.
    pub first: u32,
    pub after: u32,
    /// The text that ends here, or [`NONE`].
    text: u32,
}

/// A text that is watched for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Watched {
    pub text: String,
    /// The highest cost of a phone at which it counts as heard.
    pub threshold: f32,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    texts: Vec<Watched>,
    /// The largest threshold of all: whoever costs more than that a phone leads nowhere.
    pub loosest: f32,
}

impl Tree {
    /// A tree of `texts`, with each one's threshold. Of texts that sound alike the first is kept.
    pub(super) fn of(texts: &[Aloud], threshold: impl Fn(&str, usize) -> f32) -> Tree {
        let mut sketch = Sketch::default();
        let mut watched = Vec::new();
        for one in texts {
            for way in &one.ways {
                let Some(symbols) = symbols(way, one.near) else { continue };
                let text = watched.len() as u32;
                if sketch.add(&symbols, text) {
                    let threshold = threshold(&one.text, symbols.len());
                    watched.push(Watched { text: one.text.clone(), threshold });
                }
            }
        }
        let loosest = watched.iter().map(|one| one.threshold).fold(0.0, f32::max);
        Tree { nodes: sketch.laid_out(), texts: watched, loosest }
    }

    /// The node of this number; 0 is the root, which has no symbol.
    pub(super) fn node(&self, number: u32) -> Option<&Node> {
        self.nodes.get(number as usize)
    }

    /// The text that ends at a node.
    pub(super) fn text_at(&self, node: &Node) -> Option<(u32, &Watched)> {
        Some((node.text, self.texts.get(node.text as usize)?))
    }

    /// A text by its number.
    pub(super) fn text(&self, number: u32) -> Option<&Watched> {
        self.texts.get(number as usize)
    }

    /// How many nodes there are.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }
}

/// What is compared for syllables; `None`: one of them has no phones, or it is too long to be said in one breath.
pub(super) fn symbols(syllables: &[&str], near: bool) -> Option<Vec<Symbol>> {
    let mut all = Vec::with_capacity(2 * syllables.len());
    for syllable in syllables {
        all.extend(phones(syllable)?.into_iter().map(|phone| if near { loosely(phone) } else { phone }));
    }
    (all.len() <= usize::from(u8::MAX)).then_some(all)
}

/// The tree while it grows: children by their parent and symbol.
#[derive(Default)]
struct Sketch {
    children: HashMap<(u32, Symbol), u32>,
    texts: HashMap<u32, u32>,
}

impl Sketch {
    /// `false`: the same sounds are there already.
    fn add(&mut self, symbols: &[Symbol], text: u32) -> bool {
        let mut at = 0;
        for symbol in symbols {
            let next = self.children.len() as u32 + 1;
            at = *self.children.entry((at, *symbol)).or_insert(next);
        }
        if at == 0 || self.texts.contains_key(&at) {
            return false;
        }
        self.texts.insert(at, text);
        true
    }

    /// The same, every node's children side by side.
    fn laid_out(self) -> Vec<Node> {
        let mut below: HashMap<u32, Vec<(Symbol, u32)>> = HashMap::new();
        for ((parent, symbol), child) in self.children {
            below.entry(parent).or_default().push((symbol, child));
        }
        below.values_mut().for_each(|children| children.sort_unstable());
        let text = |sketched: u32| self.texts.get(&sketched).copied().unwrap_or(NONE);
        let mut nodes = vec![Node { symbol: 0, depth: 0, first: 1, after: 1, text: NONE }];
        let mut sketched = vec![0];
        let mut at = 0;
        while let Some(number) = sketched.get(at).copied() {
            let first = nodes.len() as u32;
            let depth = nodes[at].depth.saturating_add(1);
            for (symbol, child) in below.remove(&number).unwrap_or_default() {
                nodes.push(Node { symbol, depth, first: 0, after: 0, text: text(child) });
                sketched.push(child);
            }
            (nodes[at].first, nodes[at].after) = (first, nodes.len() as u32);
            at += 1;
        }
        nodes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aloud(text: &str, ways: &[&[&'static str]], near: bool) -> Aloud {
        Aloud { text: text.into(), ways: ways.iter().map(|way| way.to_vec()).collect(), near }
    }

    #[test]
    fn common_beginnings_are_shared_and_every_text_ends_somewhere() {
        let texts = [
            aloud("保本", &[&["bao", "ben"]], false),
            aloud("保本保息", &[&["bao", "ben", "bao", "xi"]], false),
            aloud("宝本", &[&["bao", "ben"]], false),
            aloud("还款", &[&["hai", "kuan"], &["huan", "kuan"]], false),
        ];
        let tree = Tree::of(&texts, |_, phones| phones as f32);
        // The root, b ao b en b ao x i, h, ai k uan, uan k uan.
        assert_eq!(tree.len(), 1 + 8 + 1 + 3 + 3);
        let mut ends: Vec<(&str, u8)> =
            tree.nodes.iter().filter_map(|node| Some((&*tree.text_at(node)?.1.text, node.depth))).collect();
        ends.sort_unstable();
        assert_eq!(ends, [("保本", 4), ("保本保息", 8), ("还款", 4), ("还款", 4)]);
        assert_eq!(tree.loosest, 8.0);
    }

    #[test]
    fn texts_that_accents_may_change_share_groups() {
        let texts = [aloud("是", &[&["shi", "an"]], true), aloud("四", &[&["si", "ang"]], true)];
        let tree = Tree::of(&texts, |_, _| 1.0);
        // ii and iii are no group: the initial is told apart, the vowel follows it.
        assert_eq!(tree.len(), 1 + 1 + 2 + 2);
    }
}
