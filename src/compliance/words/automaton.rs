//! Aho–Corasick over codes of 16 bits: all pieces of a level found in one pass (Aho, Corasick 1975).
//!
//! States are numbered breadth first, so the children of a state stand side by side: an edge is the child's own label, and
//! no target is stored. The root, which most of a text passes through, has a dense row.
//!
//! Invariant: a state's suffix link leads to a smaller number, so every walk along links ends.

/// A state; 0 is the root.
pub(super) type State = u32;
/// A letter of a level's alphabet; [`NOTHING`] stands in no piece.
pub(super) type Code = u16;

/// The code of letters that no piece holds.
pub(super) const NOTHING: Code = 0;
/// Below so many children they are looked through one by one.
const FEW: usize = 8;

/// The pieces of one level.
#[derive(Debug, Default)]
pub(super) struct Automaton {
    /// Where each code leads from the root.
    root: Vec<State>,
    /// The first child of each state; the next state's first child ends the row.
    first: Vec<State>,
    /// The code that leads into each state.
    label: Vec<Code>,
    /// The longest proper suffix that is a state.
    suffix: Vec<State>,
    /// The longest suffix, the state itself included, at which a piece ends; 0: none.
    ending: Vec<State>,
    /// The first of each state's pieces in `pieces`; the next state's first ends the row.
    first_piece: Vec<u32>,
    pieces: Vec<u32>,
}

impl Automaton {
    /// Builds it from pieces and their numbers; empty ones are never found.
    pub fn build(mut pieces: Vec<(Vec<Code>, u32)>) -> Automaton {
        pieces.retain(|(codes, _)| !codes.is_empty());
        pieces.sort();
        pieces.dedup();
        let mut made = Automaton::default();
        made.lay_out(&pieces);
        made.link();
        made
    }

    /// Numbers the states. In sorted pieces a state is a range with a common start.
    fn lay_out(&mut self, sorted: &[(Vec<Code>, u32)]) {
        let mut ranges = vec![(0, sorted.len(), 0)];
        self.label.push(NOTHING);
        let mut state = 0;
        while let Some(&(from, to, depth)) = ranges.get(state) {
            self.first.push(ranges.len() as State);
            self.first_piece.push(self.pieces.len() as u32);
            let range = &sorted[from..to];
            let ending = range.iter().take_while(|(codes, _)| codes.len() == depth).count();
            self.pieces.extend(range[..ending].iter().map(|(_, piece)| *piece));
            let mut at = from + ending;
            for group in range[ending..].chunk_by(|(one, _), (other, _)| one[depth] == other[depth]) {
                self.label.push(group[0].0[depth]);
                ranges.push((at, at + group.len(), depth + 1));
                at += group.len();
            }
            state += 1;
        }
        self.first.push(ranges.len() as State);
        self.first_piece.push(self.pieces.len() as u32);
    }

    /// Sets the root's row, the suffix links and the endings: parents before children.
    fn link(&mut self) {
        let states = self.label.len();
        (self.suffix, self.ending) = (vec![0; states], vec![0; states]);
        let children = self.first[0] as usize..self.first[1] as usize;
        let widest = self.label[children.clone()].iter().copied().max().unwrap_or(NOTHING);
        self.root = vec![0; usize::from(widest) + 1];
        for child in children {
            self.root[usize::from(self.label[child])] = child as State;
        }
        for state in 0..states {
            self.ending[state] = if self.first_piece[state] < self.first_piece[state + 1] {
                state as State
            } else {
                self.ending[self.suffix[state] as usize]
            };
            if state > 0 {
                for child in self.first[state]..self.first[state + 1] {
                    self.suffix[child as usize] = self.step(self.suffix[state], self.label[child as usize]);
                }
            }
        }
    }

    /// Where `code` leads from `state`.
    #[inline]
    pub fn step(&self, mut state: State, code: Code) -> State {
        if code == NOTHING {
            return 0;
        }
        while state != 0 {
            let (from, to) = (self.first[state as usize] as usize, self.first[state as usize + 1] as usize);
            let labels = &self.label[from..to];
            let place = if labels.len() < FEW {
                labels.iter().position(|label| *label == code)
            } else {
                labels.binary_search(&code).ok()
            };
            if let Some(place) = place {
                return (from + place) as State;
            }
            state = self.suffix[state as usize];
        }
        self.root.get(usize::from(code)).copied().unwrap_or(0)
    }

    /// Whether a piece ends at `state`.
    #[inline]
    pub fn is_ending(&self, state: State) -> bool {
        self.ending[state as usize] != 0
    }

    /// All pieces that end at `state`, the longest first.
    pub fn endings(&self, state: State) -> impl Iterator<Item = u32> {
        let next =
            |state: State| Some(self.ending[self.suffix[state as usize] as usize]).filter(|next| *next != 0);
        std::iter::successors(Some(self.ending[state as usize]).filter(|first| *first != 0), move |s| {
            next(*s)
        })
        .flat_map(|state| {
            let (from, to) = (self.first_piece[state as usize], self.first_piece[state as usize + 1]);
            self.pieces[from as usize..to as usize].iter().copied()
        })
    }

    /// How many states there are.
    pub fn states(&self) -> usize {
        self.label.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(pieces: &[&[Code]], text: &[Code]) -> Vec<(usize, u32)> {
        let automaton =
            Automaton::build(pieces.iter().zip(0..).map(|(codes, n)| (codes.to_vec(), n)).collect());
        let mut state = 0;
        let mut found = Vec::new();
        for (at, code) in text.iter().enumerate() {
            state = automaton.step(state, *code);
            assert_eq!(automaton.is_ending(state), automaton.endings(state).next().is_some());
            found.extend(automaton.endings(state).map(|piece| (at + 1, piece)));
        }
        found.sort();
        found
    }

    #[test]
    fn pieces_within_pieces_are_all_found() {
        assert_eq!(
            found(&[&[1, 2, 3, 4], &[2, 3], &[3], &[2, 3, 9]], &[1, 2, 3, 4, 0, 2, 3, 9]),
            [(3, 1), (3, 2), (4, 0), (7, 1), (7, 2), (8, 3)]
        );
        assert_eq!(found(&[], &[1, 2]), []);
        assert_eq!(found(&[&[], &[1]], &[1, 700]), [(1, 1)]);
    }

    proptest! {
        #[test]
        fn it_finds_what_looking_everywhere_finds(
            pieces in prop::collection::vec(prop::collection::vec(1u16..4, 1..5), 0..12),
            text in prop::collection::vec(0u16..5, 0..60),
        ) {
            let mut expected = Vec::new();
            for (piece, number) in pieces.iter().zip(0u32..) {
                for end in piece.len()..=text.len() {
                    // A piece that is there twice has the numbers of both.
                    if text[end - piece.len()..end] == piece[..] {
                        expected.push((end, number));
                    }
                }
            }
            expected.sort();
            let slices: Vec<&[Code]> = pieces.iter().map(Vec::as_slice).collect();
            prop_assert_eq!(found(&slices, &text), expected);
        }
    }
}
