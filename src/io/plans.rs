//! The plan folder on the disk: what the checker reads of it, and the prompts made ready for the media plane.
//!
//! Invariant: nothing outside of the folder is read, whatever a plan or a symbolic link says.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{Mode, OFlags, ResolveFlags};
use sha2::{Digest, Sha256};

use super::programs::Kept;
use crate::base::bounds::PLAN_FILE_BYTES;
use crate::base::{Wall, bounds};
use crate::config::{self, Config};
use crate::media::{Prompt, PromptLibrary};
use crate::plan::{self, Code, Diagnostic, Program, Site, Sound, SoundError, Sources};

/// Largest plan file. A plan of ten thousand routes is a tenth of it.
const PLAN_BYTES: u64 = 8 << 20;

/// Largest sound file: an hour at 16 kHz.
pub(super) const SOUND_BYTES: u64 = 128 << 20;

/// What a plan folder holds.
#[derive(Debug)]
pub struct Loaded {
    /// The program, if nothing is wrong.
    pub program: Option<Arc<Program>>,
    /// What is wrong or doubtful, in the order of the files.
    pub diagnostics: Vec<Diagnostic>,
    /// The plan files that were read, relative to the folder.
    pub files: Vec<String>,
    /// Every prompt that the program may play.
    pub prompts: PromptLibrary,
    /// What the program was made of, for whoever keeps it.
    pub kept: Kept,
}

/// Where files of a plan are read from: a folder, or what the node has kept.
pub trait Shelf {
    /// The octets of the file at `path`.
    ///
    /// # Errors
    /// There is none, it cannot be read, or it is larger than `most`.
    fn read(&self, path: &str, most: u64) -> io::Result<Vec<u8>>;
}

/// What of a configuration its plan may name.
pub fn site(config: &Config) -> Site {
    Site {
        trunks: config.trunks.iter().map(|trunk| trunk.name.clone()).collect(),
        trunk_groups: config.trunks.iter().filter_map(|trunk| trunk.group.clone()).collect(),
        ring: config.features.ring.keys().cloned().collect(),
    }
}

/// Reads, checks and compiles the plan as configured, for a node that has `site`.
///
/// # Errors
/// The folder cannot be read. What is wrong with its files is in [`Loaded::diagnostics`].
pub fn load(plan: &config::Plan, site: &Site) -> io::Result<Loaded> {
    let files = if plan.files.is_empty() { list(&plan.folder)? } else { plan.files.clone() };
    load_files(&plan.folder, files, Some(site))
}

/// As [`load`], for a node that starts: a script that has lapsed since the plan was checked keeps no node from its calls. What has lapsed
/// is in the diagnostics all the same, and is not used.
///
/// # Errors
/// As [`load`].
pub fn load_at_start(plan: &config::Plan, site: &Site) -> io::Result<Loaded> {
    let files = if plan.files.is_empty() { list(&plan.folder)? } else { plan.files.clone() };
    Ok(load_kept(&Folder::open(&plan.folder)?, files, site))
}

/// As [`load_at_start`], of what the node has kept: what has lapsed is told and not used, and nothing else is forgiven.
pub fn load_kept(shelf: &dyn Shelf, files: Vec<String>, site: &Site) -> Loaded {
    let loaded = loaded_from(Reading::of(shelf, Some(site)), files);
    let lapsed = |found: &Diagnostic| !found.is_error() || found.code() == Code::EXPIRED;
    if loaded.program.is_some() || !loaded.diagnostics.iter().all(lapsed) {
        return loaded;
    }
    let timeless = Reading { knows_time: false, ..Reading::of(shelf, Some(site)) };
    Loaded { diagnostics: loaded.diagnostics, ..loaded_from(timeless, loaded.files) }
}

/// Calls `changed` whenever the plan folder has changed and then stayed as it is for one look, so that files that are written one
/// after the other are read together. Looks every `pause`: a look costs a few system calls, works on every file
/// system (the kernel's own notices do not cross a network mount) and needs no code that the rest of the house has no use for.
/// Never ends.
pub async fn watch(folder: PathBuf, pause: Duration, changed: impl Fn() + Send + Sync + 'static) {
    let changed = Arc::new(changed);
    let look = move || {
        let folder = folder.clone();
        tokio::task::spawn_blocking(move || stamps(&folder))
    };
    let mut read = look().await.unwrap_or_default();
    let mut last = read.clone();
    let mut looks = tokio::time::interval(pause);
    loop {
        looks.tick().await;
        let Ok(seen) = look().await else { continue };
        if seen == last && seen != read {
            let changed = Arc::clone(&changed);
            // What went wrong is in the log; the next change is another chance.
            let _ = tokio::task::spawn_blocking(move || changed()).await;
            read = seen.clone();
        }
        last = seen;
    }
}

/// What tells one state of a folder from another without reading its files.
fn stamps(folder: &Path) -> Vec<(PathBuf, i64, i64, u64, u64)> {
    let (mut stamps, mut folders) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            let Some(meta) = entry.metadata().ok().filter(|_| !hidden && stamps.len() < bounds::PLAN_WATCHED)
            else {
                continue;
            };
            if meta.is_dir() {
                folders.push(entry.path());
            } else {
                stamps.push((entry.path(), meta.mtime(), meta.mtime_nsec(), meta.ino(), meta.len()));
            }
        }
    }
    stamps.sort();
    stamps
}

/// Every `*.plan` file of `folder`, sorted; not those of its subfolders, which hold what plans `use`.
///
/// # Errors
/// The folder cannot be read.
pub fn list(folder: &Path) -> io::Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        if let Some(name) = name.to_str().filter(|name| name.ends_with(".plan") && !name.starts_with('.')) {
            files.push(name.to_string());
        }
    }
    files.sort();
    Ok(files)
}

/// Every `*.plan` file beneath `folder`, those of its subfolders too, sorted; links are not followed.
///
/// # Errors
/// A folder cannot be read.
pub fn list_deep(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = list(folder)?.into_iter().map(|name| folder.join(name)).collect();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if entry.file_type()?.is_dir() && !hidden {
            files.extend(list_deep(&entry.path())?);
        }
    }
    files.sort();
    Ok(files)
}

/// The octets of a file that is to be a plan.
///
/// # Errors
/// It cannot be read, or is larger than any plan.
pub fn octets(path: &Path) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    File::open(path)?.take(PLAN_BYTES + 1).read_to_end(&mut octets)?;
    Ok(octets)
}

/// The text of a plan file, named `path` in what is found.
///
/// # Errors
/// It is not UTF-8, or too long: what `plan check` says of it.
pub fn decoded<'o>(path: &str, octets: &'o [u8]) -> Result<&'o str, Vec<Diagnostic>> {
    match std::str::from_utf8(octets) {
        Ok(text) if octets.len() <= PLAN_FILE_BYTES => Ok(text),
        _ => Err(plan::load(&plan::Folder::new().with_plan(path, octets), &[path]).1),
    }
}

/// Puts `text` in the place of the file at `path`, whole or not at all, with its permissions.
///
/// # Errors
/// The folder cannot be written.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = path.canonicalize()?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let new = folder.join(format!(".{name}.{}.new", std::process::id()));
    let written =
        write_new(&new, text, fs::metadata(&path)?.permissions()).and_then(|()| fs::rename(&new, &path));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written?;
    File::open(folder)?.sync_all()
}

/// Writes `text` into a file, making the folders around it.
///
/// # Errors
/// It cannot be written.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}

/// Writes `text` into a file that is not there yet.
///
/// # Errors
/// It is there, or cannot be written.
pub fn create(path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn write_new(path: &Path, text: &str, permissions: fs::Permissions) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.set_permissions(permissions)?;
    file.sync_all()
}

/// Reads, checks and compiles `files` of `folder` as one plan; without a `site` every name outside of the plan is taken as good.
///
/// # Errors
/// As [`load`].
pub fn load_files(folder: &Path, files: Vec<String>, site: Option<&Site>) -> io::Result<Loaded> {
    let folder = Folder::open(folder)?;
    Ok(loaded_from(Reading::of(&folder, site), files))
}

fn loaded_from(sources: Reading<'_>, files: Vec<String>) -> Loaded {
    let roots: Vec<&str> = files.iter().map(String::as_str).collect();
    let (program, diagnostics) = plan::load(&sources, &roots);
    let mut prompts = PromptLibrary::new();
    let mut sounds = sources.sounds.into_inner();
    for prompt in program.iter().flat_map(|program| program.prompts()) {
        if let Some((_, sound)) = sounds.remove(prompt.path.as_ref()) {
            prompts.insert(prompt.id, sound);
        }
    }
    let of_program = program.iter().flat_map(|program| program.prompts());
    let sounds = of_program.map(|prompt| (prompt.path.to_string(), crate::vault::hex(&prompt.sha256)));
    let kept = Kept { roots: files.clone(), files: sources.texts.into_inner(), sounds: sounds.collect() };
    Loaded { program, diagnostics, files, prompts, kept }
}

/// Reads, checks and compiles the file at `path`, or every plan file of a folder, each for itself.
///
/// # Errors
/// As [`load`].
pub fn load_each(path: &Path, site: Option<&Site>) -> io::Result<Vec<Loaded>> {
    let (folder, files) = if path.is_dir() {
        (path, list(path)?)
    } else {
        path.metadata()?;
        let name = path.file_name().and_then(|name| name.to_str()).ok_or(io::ErrorKind::InvalidInput)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        (folder.unwrap_or(Path::new(".")), vec![name.to_string()])
    };
    files.into_iter().map(|file| load_files(folder, vec![file], site)).collect()
}

/// [`Sources`] over a shelf. Sounds are decoded once, when they are asked for.
struct Reading<'a> {
    shelf: &'a dyn Shelf,
    texts: RefCell<BTreeMap<String, String>>,
    sounds: RefCell<HashMap<String, (Sound, Prompt)>>,
    site: Option<&'a Site>,
    /// Whether what has lapsed is found.
    knows_time: bool,
}

impl<'a> Reading<'a> {
    fn of(shelf: &'a dyn Shelf, site: Option<&'a Site>) -> Reading<'a> {
        let (texts, sounds) = (RefCell::default(), RefCell::default());
        Reading { shelf, texts, sounds, site, knows_time: true }
    }
}

/// The folder as the checker reads it, for a node of which nothing is known.
pub fn reading(folder: &Folder) -> impl Sources + '_ {
    Reading::of(folder, None)
}

/// An open plan folder.
pub struct Folder(OwnedFd);

impl Folder {
    /// Opens it.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: &Path) -> io::Result<Folder> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Folder(rustix::fs::open(path, flags, Mode::empty())?))
    }
}

impl Shelf for Folder {
    fn read(&self, path: &str, most: u64) -> io::Result<Vec<u8>> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let file = File::from(rustix::fs::openat2(&self.0, path, flags, Mode::empty(), beneath)?);
        let status = file.metadata()?;
        if !status.is_file() || status.len() > most {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "not a file, or larger than any plan or sound",
            ));
        }
        let mut octets = Vec::new();
        file.take(most).read_to_end(&mut octets)?;
        Ok(octets)
    }
}

impl Sources for Reading<'_> {
    fn plan(&self, path: &str) -> Option<Vec<u8>> {
        let octets = self.shelf.read(path, PLAN_BYTES).ok()?;
        // What is not UTF-8 becomes no program, and is not kept.
        if let Ok(text) = std::str::from_utf8(&octets) {
            self.texts.borrow_mut().insert(path.to_string(), text.to_string());
        }
        Some(octets)
    }

    fn sound(&self, path: &str) -> Result<Sound, SoundError> {
        if let Some((sound, _)) = self.sounds.borrow().get(path) {
            return Ok(*sound);
        }
        let octets = self.shelf.read(path, SOUND_BYTES).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => SoundError::Missing,
            _ => SoundError::Unplayable(error.to_string()),
        })?;
        let prompt = Prompt::from_wav(&octets).map_err(|error| SoundError::Unplayable(error.to_string()))?;
        let sound = Sound::new(Sha256::digest(&octets).into(), prompt.duration());
        self.sounds.borrow_mut().insert(path.to_string(), (sound, prompt));
        Ok(sound)
    }

    fn site(&self) -> Option<&Site> {
        self.site
    }

    fn now(&self) -> Option<Wall> {
        self.knows_time.then(super::clock::wall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_of_the_folder_is_read() {
        let outer = tempfile::tempdir().expect("a folder");
        let inner = outer.path().join("plans");
        fs::create_dir_all(inner.join("profiles")).expect("made");
        fs::write(outer.path().join("secret"), "secret").expect("written");
        fs::write(inner.join("profiles/a.plan"), "inside").expect("written");
        std::os::unix::fs::symlink("../secret", inner.join("link.plan")).expect("linked");
        let folder = Folder::open(&inner).expect("opened");
        let folder = Reading::of(&folder, None);
        assert_eq!(folder.plan("profiles/a.plan").as_deref(), Some(&b"inside"[..]));
        for path in
            ["../secret", "link.plan", "/etc/hostname", "profiles", "profiles/../../secret", "none.plan"]
        {
            assert!(folder.plan(path).is_none(), "{path}");
        }
    }

    #[test]
    fn a_missing_sound_and_a_broken_one_are_told_apart() {
        let outer = tempfile::tempdir().expect("a folder");
        fs::write(outer.path().join("broken.wav"), "RIFF").expect("written");
        let folder = Folder::open(outer.path()).expect("opened");
        let folder = Reading::of(&folder, None);
        assert_eq!(folder.sound("none.wav"), Err(SoundError::Missing));
        assert!(matches!(folder.sound("broken.wav"), Err(SoundError::Unplayable(_))));
    }
}
