//! The files that the editor has open, over those of the plan folder on the disk.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::io::plans;
use crate::plan::edit::Desk;
use crate::plan::{Site, Sound, SoundError, Sources};

/// Open files by their paths, and what is known of each.
#[derive(Default)]
pub(super) struct Desks {
    open: HashMap<PathBuf, String>,
    known: HashMap<PathBuf, Arc<Desk>>,
}

/// A file's desk: the plan folder, the file's path in it, and the plan.
pub(super) struct At {
    pub folder: PathBuf,
    pub path: String,
    pub desk: Arc<Desk>,
}

impl Desks {
    /// Takes the text of a file as the editor has it.
    pub fn put(&mut self, uri: &str, text: &str) {
        if let Some(path) = path(uri) {
            self.open.insert(path, text.to_string());
            // Whatever uses the file may read otherwise now.
            self.known.clear();
        }
    }

    /// From now on the file is what stands on the disk.
    pub fn close(&mut self, uri: &str) {
        if let Some(path) = path(uri) {
            self.open.remove(&path);
            self.known.clear();
        }
    }

    /// The plan of a file.
    pub fn at(&mut self, uri: &str) -> Option<At> {
        let whole = path(uri)?;
        let folder = folder(&whole)?;
        let path = whole.strip_prefix(&folder).ok()?.to_str()?.to_string();
        let desk = match self.known.get(&whole) {
            Some(desk) => desk.clone(),
            None => {
                let disk = plans::Folder::open(&folder).ok();
                let disk = disk.as_ref().map(plans::reading);
                let disk = disk.as_ref().map(|disk| disk as &dyn Sources);
                let sources = Overlay { folder: &folder, open: &self.open, disk };
                let desk = Arc::new(Desk::open(&sources, &path));
                self.known.insert(whole, desk.clone());
                desk
            }
        };
        Some(At { folder, path, desk })
    }
}

/// The plan folder of a file: its own; the one above, where a plan there uses it (`use "profiles/finance.plan"`).
fn folder(path: &Path) -> Option<PathBuf> {
    let folder = path.parent()?;
    let named = || Some(format!("\"{}/{}\"", folder.file_name()?.to_str()?, path.file_name()?.to_str()?));
    let uses = |above: &&Path| {
        let (Some(named), Ok(plans)) = (named(), plans::list(above)) else {
            return false;
        };
        let text = |plan: &String| plans::octets(&above.join(plan)).unwrap_or_default();
        plans.iter().any(|plan| String::from_utf8_lossy(&text(plan)).contains(&named))
    };
    Some(folder.parent().filter(uses).unwrap_or(folder).to_path_buf())
}

/// Files as the editor has them, else as they are on the disk.
struct Overlay<'o> {
    folder: &'o Path,
    open: &'o HashMap<PathBuf, String>,
    disk: Option<&'o dyn Sources>,
}

impl Sources for Overlay<'_> {
    fn plan(&self, path: &str) -> Option<Vec<u8>> {
        match self.open.get(&self.folder.join(path)) {
            Some(text) => Some(text.clone().into_bytes()),
            None => self.disk?.plan(path),
        }
    }

    fn sound(&self, path: &str) -> Result<Sound, SoundError> {
        self.disk.map_or(Err(SoundError::Missing), |disk| disk.sound(path))
    }

    fn site(&self) -> Option<&Site> {
        None
    }

    fn now(&self) -> Option<crate::base::Wall> {
        self.disk?.now()
    }
}

/// The path of a `file:` address.
pub(super) fn path(uri: &str) -> Option<PathBuf> {
    let rest = uri.strip_prefix("file://")?;
    let mut octets = Vec::with_capacity(rest.len());
    let mut all = rest.bytes();
    while let Some(octet) = all.next() {
        if octet != b'%' {
            octets.push(octet);
            continue;
        }
        let mut digit = || char::from(all.next()?).to_digit(16);
        let value = digit()? * 16 + digit()?;
        octets.push(u8::try_from(value).ok()?);
    }
    String::from_utf8(octets).ok().map(PathBuf::from)
}

/// The address of a file.
pub(super) fn uri(path: &Path) -> String {
    let mut out = String::from("file://");
    for octet in path.to_string_lossy().bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(octet))
            }
            octet => out.push_str(&format!("%{octet:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_paths_are_each_others_way_back() {
        for text in ["/plans/office.plan", "/计划/夜 间.plan", "/a%b#c.plan"] {
            let address = uri(Path::new(text));
            assert!(address.is_ascii(), "{address}");
            assert_eq!(path(&address), Some(PathBuf::from(text)));
        }
        assert_eq!(path("untitled:1"), None);
        assert_eq!(path("file:///a%2"), None);
    }
}
