//! Who must approve a motion, where what is to be done says so itself (`approve by 合规 x1` in a plan's header).
//!
//! Invariant: one person's approval serves one need at most, however many roles the person has.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::role::Role;

/// So many people of one role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// What whoever asks calls the role.
    pub title: String,
    /// The roles that are meant: any of them.
    pub roles: Vec<Role>,
    /// How many people.
    pub count: u8,
}

impl fmt::Display for Need {
    /// `质控 x1 (quality)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let roles: Vec<&str> = self.roles.iter().map(|role| role.word()).collect();
        write!(f, "{} x{} ({})", self.title, self.count, roles.join(" or "))
    }
}

/// How many approvals are missing, when people with these roles have approved. Each person is counted where it helps most
/// (a matching of people and places, found by augmenting paths).
pub fn missing(needs: &[Need], people: &[&[Role]]) -> u8 {
    let places: Vec<&Need> =
        needs.iter().flat_map(|need| std::iter::repeat_n(need, usize::from(need.count))).collect();
    let mut taken: Vec<Option<usize>> = vec![None; people.len()];
    let filled = (0..places.len()).filter(|place| {
        let mut tried = vec![false; people.len()];
        fill(*place, &places, people, &mut taken, &mut tried)
    });
    let filled = filled.count();
    u8::try_from(places.len().saturating_sub(filled)).unwrap_or(u8::MAX)
}

/// Finds somebody for `place`, asking those who have another to move where they can.
fn fill(
    place: usize,
    places: &[&Need],
    people: &[&[Role]],
    taken: &mut [Option<usize>],
    tried: &mut [bool],
) -> bool {
    let Some(need) = places.get(place) else { return false };
    for (person, roles) in people.iter().enumerate() {
        if tried.get(person).copied().unwrap_or(true) || !roles.iter().any(|role| need.roles.contains(role)) {
            continue;
        }
        tried[person] = true;
        let free = match taken[person] {
            None => true,
            Some(other) => fill(other, places, people, taken, tried),
        };
        if free {
            taken[person] = Some(place);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(title: &str, roles: &[Role], count: u8) -> Need {
        Need { title: title.into(), roles: roles.to_vec(), count }
    }

    #[test]
    fn everybody_counts_once_and_where_it_helps() {
        use Role::{Audit, Quality, Security, Supervisor};
        let two = [need("合规", &[Security], 1), need("质控", &[Quality, Supervisor], 2)];
        for (people, left) in [
            (&[][..], 3),
            (&[&[Security][..]], 2),
            (&[&[Audit][..]], 3),
            (&[&[Security, Quality][..]], 2),
            // The first could serve either need; the second can serve only one of them.
            (&[&[Quality, Security][..], &[Security]], 1),
            (&[&[Security, Quality][..], &[Quality], &[Supervisor]], 0),
            (&[&[Quality][..], &[Quality], &[Quality]], 1),
        ] {
            assert_eq!(missing(&two, people), left, "{people:?}");
        }
        assert_eq!(two[1].to_string(), "质控 x2 (quality or supervisor)");
    }
}
