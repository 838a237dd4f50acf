//! Names in the file that nobody reads: each is an error at its place, with the name that was probably meant.

use toml::de::{DeTable, DeValue};

use super::fault::Fault;
use super::written::KNOWN;

/// Faults of every unknown section and key of `text`. Text that is not TOML has none here: parsing names it.
pub fn unknown(text: &str) -> Vec<Fault> {
    let Ok(table) = DeTable::parse(text) else { return Vec::new() };
    let mut faults = Vec::new();
    for (section, value) in table.get_ref() {
        let name = section.get_ref().as_ref();
        match (KNOWN.iter().find(|(known, _)| *known == name), value.get_ref()) {
            (None, DeValue::Table(_)) => faults.push(stranger("section", name, section.span(), sections())),
            (None, _) => faults.push(loose(name, section.span())),
            (Some((_, keys)), DeValue::Table(table)) => {
                faults.extend(table.iter().filter(|(key, _)| !keys.contains(&key.get_ref().as_ref())).map(
                    |(key, _)| stranger("key", key.get_ref().as_ref(), key.span(), keys.iter().copied()),
                ))
            }
            (Some(_), _) => {}
        }
    }
    faults
}

fn sections() -> impl Iterator<Item = &'static str> + Clone {
    KNOWN.iter().map(|(section, _)| *section)
}

fn stranger<'k>(
    kind: &str,
    name: &str,
    at: std::ops::Range<usize>,
    known: impl Iterator<Item = &'k str> + Clone,
) -> Fault {
    let fault = Fault::at(at, format!("there is no {kind} `{name}` here"));
    fault.hint(match nearest(name, known.clone()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("known: {}", known.collect::<Vec<_>>().join(", ")),
    })
}

/// A key outside every section: the section that has such a key is the likely home.
fn loose(name: &str, at: std::ops::Range<usize>) -> Fault {
    let home = KNOWN.iter().find(|(_, keys)| keys.contains(&name));
    let fault = Fault::at(at, format!("`{name}` stands outside of every section"));
    fault.hint(match home {
        Some((section, _)) => format!("put it under [{section}]"),
        None => format!("sections: {}", sections().collect::<Vec<_>>().join(", ")),
    })
}

/// The known name that `name` most resembles, if it resembles one.
pub fn nearest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    known
        .map(|k| (strsim::jaro_winkler(name, k), k))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, k)| k)
}
