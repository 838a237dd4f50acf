//! Which of the watched texts was said: their phones against the likeliest ones.
//!
//! A token stands on a node of the tree. Each frame costs it how much less likely its phone (or the blank behind it) is than the
//! likeliest phone of all; a token that begins pays nothing for what was before. A text is heard when its last phone is reached at
//! no more than its threshold a phone, and told when it does not get any better. Cost: what is alive, not what is watched for; a token
//! that has paid too much for its depth is dropped. Invariant: nothing is allocated but for what is heard.

use super::network::Scores;
use super::phones::{BLANK, COUNT, SYMBOLS, groups};
use super::tree::{Node, Tree};

/// Phones that a token may be in debt for: its beginning may be bad if the rest is good.
const CREDIT: f32 = 2.5;
/// Frames for which a text that was heard may still get better.
const HOLD: u64 = 3;
/// Frames after which no token of an earlier text is alive any more: three seconds.
const LONGEST: u64 = 100;

/// A text that was heard.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Heard {
    /// Its number in the tree.
    pub text: u32,
    /// The frame of its first phone, and of its last.
    pub from: u64,
    pub to: u64,
    /// What it cost a phone.
    pub cost: f32,
}

/// What stands on a node: costs on its phone and on the blank behind, and the frame in which each began.
#[derive(Debug, Clone, Copy)]
struct Token {
    node: u32,
    phone: (f32, u64),
    blank: (f32, u64),
}

/// A cost that nobody pays.
const NEVER: (f32, u64) = (f32::INFINITY, 0);

/// One stream's search.
pub(super) struct Search {
    alive: Vec<Token>,
    next: Vec<Token>,
    /// Where in `next` a node's token is; true only if that token says so.
    places: Vec<u32>,
    /// What was heard and may get better.
    open: Vec<Heard>,
    /// What was told lately: it may still look as if it were said again.
    told: Vec<Heard>,
    groups: Vec<Vec<usize>>,
    frame: u64,
}

impl Search {
    pub(super) fn new(tree: &Tree) -> Search {
        Search {
            alive: Vec::new(),
            next: Vec::new(),
            places: vec![0; tree.len()],
            open: Vec::new(),
            told: Vec::new(),
            groups: groups(),
            frame: 0,
        }
    }

    /// Takes a frame, and hands over what was heard for good, best first of those that end together.
    pub(super) fn push(&mut self, tree: &Tree, scores: &Scores, take: &mut impl FnMut(Heard)) {
        let costs = self.costs(scores);
        self.next.clear();
        for at in 0..self.alive.len() {
            let Some(token) = self.alive.get(at).copied() else { break };
            self.step(tree, token, &costs);
        }
        if let Some(root) = tree.node(0) {
            let fresh = (0.0, self.frame);
            (root.first..root.after).for_each(|child| self.enter(tree, child, fresh, &costs));
        }
        self.prune(tree);
        std::mem::swap(&mut self.alive, &mut self.next);
        self.note(tree);
        self.settle(take);
        self.frame += 1;
    }

    /// Nothing more is said: what is open is heard.
    pub(super) fn finish(&mut self, take: &mut impl FnMut(Heard)) {
        self.frame += HOLD + 1;
        self.settle(take);
        self.alive.clear();
    }

    /// How many tokens are alive.
    #[cfg(test)]
    pub(super) fn alive(&self) -> usize {
        self.alive.len()
    }

    fn costs(&self, scores: &Scores) -> [f32; SYMBOLS] {
        let most = scores.iter().copied().fold(f32::MIN, f32::max);
        let mut costs = [0.0; SYMBOLS];
        for (cost, score) in costs.iter_mut().zip(scores) {
            *cost = most - score;
        }
        for (at, group) in self.groups.iter().enumerate() {
            let best = group.iter().filter_map(|phone| scores.get(*phone)).copied().fold(f32::MIN, f32::max);
            costs[COUNT + at] = most - best;
        }
        costs
    }

    /// A token stays on its phone, goes on to the blank behind it, or to a child.
    fn step(&mut self, tree: &Tree, token: Token, costs: &[f32; SYMBOLS]) {
        let Some(node) = tree.node(token.node) else { return };
        let stay = plus(token.phone, cost(costs, node.symbol));
        let rest = plus(cheaper(token.phone, token.blank), cost(costs, BLANK));
        let own = self.token(token.node);
        own.phone = cheaper(own.phone, stay);
        own.blank = cheaper(own.blank, rest);
        for child in node.first..node.after {
            let Some(below) = tree.node(child) else { break };
            // The same phone twice is two only with a blank between (CTC).
            let from =
                if below.symbol == node.symbol { token.blank } else { cheaper(token.phone, token.blank) };
            self.enter(tree, child, from, costs);
        }
    }

    fn enter(&mut self, tree: &Tree, child: u32, from: (f32, u64), costs: &[f32; SYMBOLS]) {
        let Some(node) = tree.node(child) else { return };
        // It begins where its first phone does.
        let from = if node.depth == 1 { (0.0, self.frame) } else { from };
        let entered = plus(from, cost(costs, node.symbol));
        if entered.0 <= limit(tree, node) {
            let token = self.token(child);
            token.phone = cheaper(token.phone, entered);
        }
    }

    /// The next frame's token on a node.
    fn token(&mut self, node: u32) -> &mut Token {
        let known = self.places.get(node as usize).map_or(usize::MAX, |place| *place as usize);
        let is_there = self.next.get(known).is_some_and(|token| token.node == node);
        let at = if is_there { known } else { self.next.len() };
        if !is_there {
            if let Some(place) = self.places.get_mut(node as usize) {
                *place = at as u32;
            }
            self.next.push(Token { node, phone: NEVER, blank: NEVER });
        }
        &mut self.next[at]
    }

    fn prune(&mut self, tree: &Tree) {
        self.next.retain(|token| {
            let limit = tree.node(token.node).map_or(0.0, |node| limit(tree, node));
            token.phone.0.min(token.blank.0) <= limit
        });
    }

    /// Texts whose last phone is reached cheaply enough are open.
    fn note(&mut self, tree: &Tree) {
        for token in &self.alive {
            let Some(node) = tree.node(token.node) else { continue };
            let Some((text, watched)) = tree.text_at(node) else { continue };
            let (cost, from) = (token.phone.0 / f32::from(node.depth.max(1)), token.phone.1);
            if cost > watched.threshold {
                continue;
            }
            if self.told.iter().any(|told| told.text == text && from <= told.to) {
                continue;
            }
            let heard = Heard { text, from, to: self.frame, cost };
            match self.open.iter_mut().find(|open| open.text == text && from <= open.to) {
                Some(open) if cost < open.cost => *open = heard,
                Some(_) => {}
                None => self.open.push(heard),
            }
        }
    }

    fn settle(&mut self, take: &mut impl FnMut(Heard)) {
        let now = self.frame;
        self.open.sort_by_key(|open| (open.to, open.from));
        self.open.retain(|open| {
            let done = now >= open.to + HOLD;
            if done {
                self.told.push(*open);
                take(*open);
            }
            !done
        });
        self.told.retain(|told| now <= told.to + LONGEST);
    }
}

fn cost(costs: &[f32; SYMBOLS], symbol: u8) -> f32 {
    costs.get(usize::from(symbol)).copied().unwrap_or(f32::INFINITY)
}

fn plus(from: (f32, u64), cost: f32) -> (f32, u64) {
    (from.0 + cost, from.1)
}

fn cheaper(one: (f32, u64), other: (f32, u64)) -> (f32, u64) {
    if other.0 < one.0 { other } else { one }
}

/// What a token may have paid when it stands on `node`.
fn limit(tree: &Tree, node: &Node) -> f32 {
    tree.loosest * (f32::from(node.depth) + CREDIT)
}

#[cfg(test)]
mod tests {
    use super::super::phones::phones;
    use super::*;
    use crate::compliance::words::Aloud;

    fn tree(texts: &[(&str, &[&'static str])]) -> Tree {
        let aloud = |(text, way): &(&str, &[&'static str])| Aloud {
            text: (*text).into(),
            ways: vec![way.to_vec()],
            near: false,
        };
        Tree::of(&texts.iter().map(aloud).collect::<Vec<_>>(), |_, _| 0.5)
    }

    /// Frames in which the phones of `syllables` are likeliest by `margin`, each for two frames with a blank behind.
    fn said(syllables: &str, margin: f32) -> Vec<Scores> {
        let mut frames = Vec::new();
        let mut frame = |phone: u8, times| {
            let mut scores = [-margin; COUNT];
            scores[usize::from(phone)] = 0.0;
            frames.extend([scores].repeat(times));
        };
        for syllable in syllables.split(' ') {
            for phone in phones(syllable).expect("a syllable") {
                frame(phone, 2);
                frame(BLANK, 1);
            }
        }
        frame(BLANK, 8);
        frames
    }

    fn heard(tree: &Tree, frames: &[Scores]) -> Vec<Heard> {
        let (mut search, mut all) = (Search::new(tree), Vec::new());
        frames.iter().for_each(|frame| search.push(tree, frame, &mut |heard| all.push(heard)));
        search.finish(&mut |heard| all.push(heard));
        all
    }

    #[test]
    fn a_text_is_heard_where_it_was_said_and_once() {
        let tree = tree(&[("保本保息", &["bao", "ben", "bao", "xi"]), ("风险", &["feng", "xian"])]);
        let all = heard(&tree, &said("wo men bao ben bao xi de", 8.0));
        assert_eq!(all.len(), 1);
        let one = all[0];
        assert_eq!(tree.text(one.text).map(|text| text.text.as_str()), Some("保本保息"));
        // Before it, wo (1 phone) and men (2) take nine frames; its eight phones take 24.
        assert_eq!((one.from, one.cost), (9, 0.0));
        assert!((30..=33).contains(&one.to), "{one:?}");
        assert_eq!(heard(&tree, &said("bao ben bao xi bao ben bao xi", 8.0)).len(), 2);
    }

    #[test]
    fn one_phone_may_be_wrong_if_the_others_are_right() {
        let tree = tree(&[("保本保息", &["bao", "ben", "bao", "xi"])]);
        let wrong = "pao ben bao xi";
        // The wrong phone stands for two frames, of which one at least must be paid.
        assert_eq!(heard(&tree, &said(wrong, 1.0)).len(), 1);
        assert_eq!(heard(&tree, &said(wrong, 9.0)).len(), 0);
        assert_eq!(heard(&tree, &said("bao ben bao", 3.0)).len(), 0, "the end must be said");
    }

    #[test]
    fn shared_beginnings_end_each_for_itself() {
        let tree = tree(&[("保本", &["bao", "ben"]), ("保本保息", &["bao", "ben", "bao", "xi"])]);
        let texts: Vec<u32> = heard(&tree, &said("bao ben bao xi", 8.0)).iter().map(|one| one.text).collect();
        assert_eq!(texts, [0, 1]);
    }

    #[test]
    fn what_is_alive_depends_on_what_is_said_and_not_on_what_is_watched_for() {
        let syllables = ["ba", "pa", "ma", "fa", "da", "ta", "na", "la", "ga", "ka", "ha", "zha"];
        let mut texts = Vec::new();
        for a in syllables {
            for b in syllables {
                for c in syllables {
                    let way = vec![a, b, c, a];
                    texts.push(Aloud { text: way.concat(), ways: vec![way], near: false });
                }
            }
        }
        let tree = Tree::of(&texts, |_, _| 0.4);
        let mut search = Search::new(&tree);
        let frames = said("ba pa ma fa da ta", 6.0);
        let most = frames.iter().map(|frame| {
            search.push(&tree, frame, &mut |_| {});
            search.alive()
        });
        let most = most.max().expect("frames");
        assert!(tree.len() > 3_000 && most < 60, "{most} of {}", tree.len());
    }
}
