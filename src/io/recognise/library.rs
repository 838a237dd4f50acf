//! sherpa-onnx in this process: its C interface, opened at run time from a folder that the operator names.
//!
//! All that Rust cannot check stands here and nowhere else: the shapes of sherpa-onnx 2.0.1's `c-api.h` and who frees what. Invariant:
//! a library of any other version is refused before anything else of it is called, because its shapes may differ; a pointer that it
//! gave is given back to it once.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::Arc;

use libloading::os::unix::{Library as Shared, RTLD_GLOBAL, RTLD_NOW};

/// The version whose shapes these are.
const VERSION: &str = "2.0.1";

/// Why it cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Unloadable {
    /// A file cannot be opened, or lacks what it should have.
    #[error("{0}: {1}")]
    Open(PathBuf, libloading::Error),
    /// Another version.
    #[error("its library is version {0}, and only {VERSION} is known")]
    Version(String),
    /// It refuses the network's files; it says why on standard error.
    #[error("sherpa-onnx does not take these files")]
    Refused,
    /// A path holds a NUL octet.
    #[error("a path that C cannot name")]
    Path,
}

/// A network's files, by the kind of network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    pub tokens: PathBuf,
    /// Encoder, decoder and joiner of a transducer.
    pub transducer: Option<[PathBuf; 3]>,
    /// Encoder and decoder of a Paraformer.
    pub paraformer: Option<[PathBuf; 2]>,
    pub zipformer_ctc: Option<PathBuf>,
    pub nemo_ctc: Option<PathBuf>,
    pub t_one_ctc: Option<PathBuf>,
}

type Text = *const c_char;
type Thing = *const c_void;

#[repr(C)]
struct ModelConfig {
    transducer: [Text; 3],
    paraformer: [Text; 2],
    zipformer_ctc: Text,
    tokens: Text,
    threads: i32,
    provider: Text,
    debug: i32,
    model_type: Text,
    modelling_unit: Text,
    bpe_vocabulary: Text,
    tokens_buffer: Text,
    tokens_buffer_size: i32,
    nemo_ctc: Text,
    t_one_ctc: Text,
}

#[repr(C)]
struct RecogniserConfig {
    rate: i32,
    dimensions: i32,
    model: ModelConfig,
    decoding: Text,
    paths: i32,
    endpoints: i32,
    silence_1: f32,
    silence_2: f32,
    utterance: f32,
    hotwords_file: Text,
    hotwords_score: f32,
    graph: Text,
    graph_active: i32,
    rule_fsts: Text,
    rule_fars: Text,
    blank_penalty: f32,
    hotwords: Text,
    hotwords_size: i32,
    replacer: [Text; 3],
}

/// The functions that are called.
struct Interface {
    create: unsafe extern "C" fn(*const RecogniserConfig) -> Thing,
    destroy: unsafe extern "C" fn(Thing),
    open: unsafe extern "C" fn(Thing) -> Thing,
    close: unsafe extern "C" fn(Thing),
    accept: unsafe extern "C" fn(Thing, i32, *const f32, i32),
    finished: unsafe extern "C" fn(Thing),
    is_ready: unsafe extern "C" fn(Thing, Thing) -> i32,
    decode: unsafe extern "C" fn(Thing, Thing),
    result: unsafe extern "C" fn(Thing, Thing) -> Text,
    free_result: unsafe extern "C" fn(Text),
    is_endpoint: unsafe extern "C" fn(Thing, Thing) -> i32,
    reset: unsafe extern "C" fn(Thing, Thing),
    /// Last, so that they outlive the functions.
    _shared: [Shared; 2],
}

/// A recogniser of the library, shared by its streams.
pub struct Library {
    interface: Interface,
    recogniser: Thing,
    rate: i32,
}

// SAFETY: sherpa-onnx's own server decodes streams of one recogniser on several threads; what it is called with here is not shared.
unsafe impl Send for Library {}
// SAFETY: as above; no function changes the recogniser itself.
unsafe impl Sync for Library {}

impl Library {
    /// Opens `libonnxruntime.so` and `libsherpa-onnx-c-api.so` of `folder`, and has them read the network's files.
    ///
    /// # Errors
    /// They are not there, of another version, or do not take the files.
    pub fn load(folder: &Path, files: &Files, rate: u32) -> Result<Library, Unloadable> {
        let runtime = shared(&folder.join("libonnxruntime.so"))?;
        let path = folder.join("libsherpa-onnx-c-api.so");
        let sherpa = shared(&path)?;
        // SAFETY: the function takes nothing and gives a constant text, in every version.
        let version = unsafe {
            let version: unsafe extern "C" fn() -> Text = symbol(&sherpa, &path, "SherpaOnnxGetVersionStr")?;
            CStr::from_ptr(version()).to_string_lossy().into_owned()
        };
        if version != VERSION {
            return Err(Unloadable::Version(version));
        }
        let interface = interface(sherpa, runtime, &path)?;
        let rate = i32::try_from(rate).unwrap_or(16_000);
        let texts = Texts::of(files)?;
        let config = texts.config(rate);
        // SAFETY: the version's shape; every pointer in it is null or a text of `texts`, which lives until the call has returned.
        let recogniser = unsafe { (interface.create)(&config) };
        if recogniser.is_null() {
            return Err(Unloadable::Refused);
        }
        Ok(Library { interface, recogniser, rate })
    }

    /// A new stream.
    pub fn stream(self: &Arc<Library>) -> Option<Stream> {
        // SAFETY: the recogniser lives as long as `self`.
        let stream = unsafe { (self.interface.open)(self.recogniser) };
        (!stream.is_null()).then(|| Stream { library: Arc::clone(self), stream })
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        // SAFETY: it was made by `create`, and its streams are gone: each holds the library.
        unsafe { (self.interface.destroy)(self.recogniser) }
    }
}

/// One stream of a recogniser.
pub struct Stream {
    library: Arc<Library>,
    stream: Thing,
}

// SAFETY: a stream belongs to one thread at a time; the library keeps nothing of a thread's.
unsafe impl Send for Stream {}

impl Stream {
    /// Takes samples in [-1, 1] and understands what it can; `last`: no more comes.
    pub fn hear(&mut self, samples: &[f32], last: bool) {
        let (interface, recogniser) = (&self.library.interface, self.library.recogniser);
        let count = i32::try_from(samples.len()).unwrap_or(0);
        // SAFETY: both things live; `samples` holds `count` floats, which are copied.
        unsafe {
            (interface.accept)(self.stream, self.library.rate, samples.as_ptr(), count);
            if last {
                (interface.finished)(self.stream);
            }
            while (interface.is_ready)(recogniser, self.stream) == 1 {
                (interface.decode)(recogniser, self.stream);
            }
        }
    }

    /// What was said in this segment, as JSON, and whether the segment is over. A segment that is over is followed by the next.
    pub fn result(&mut self) -> (String, bool) {
        let (interface, recogniser) = (&self.library.interface, self.library.recogniser);
        // SAFETY: both things live; the text is copied before it is given back.
        unsafe {
            let text = (interface.result)(recogniser, self.stream);
            let json = if text.is_null() {
                String::new()
            } else {
                let json = CStr::from_ptr(text).to_string_lossy().into_owned();
                (interface.free_result)(text);
                json
            };
            let over = (interface.is_endpoint)(recogniser, self.stream) == 1;
            if over {
                (interface.reset)(recogniser, self.stream);
            }
            (json, over)
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: it was made by `open`.
        unsafe { (self.library.interface.close)(self.stream) }
    }
}

fn shared(path: &Path) -> Result<Shared, Unloadable> {
    // SAFETY: its initialisers run, as those of any library that the operator has chosen.
    let opened = unsafe { Shared::open(Some(path), RTLD_NOW | RTLD_GLOBAL) };
    opened.map_err(|error| Unloadable::Open(path.to_path_buf(), error))
}

/// A function of the library.
///
/// # Safety
/// `T` is the type of the function of this name.
unsafe fn symbol<T: Copy>(library: &Shared, path: &Path, name: &str) -> Result<T, Unloadable> {
    // SAFETY: the caller's.
    let found = unsafe { library.get::<T>(name.as_bytes()) };
    found.map(|symbol| *symbol).map_err(|error| Unloadable::Open(path.to_path_buf(), error))
}

fn interface(sherpa: Shared, runtime: Shared, path: &Path) -> Result<Interface, Unloadable> {
    // SAFETY: the types are those of version 2.0.1's header.
    unsafe {
        Ok(Interface {
            create: symbol(&sherpa, path, "SherpaOnnxCreateOnlineRecognizer")?,
            destroy: symbol(&sherpa, path, "SherpaOnnxDestroyOnlineRecognizer")?,
            open: symbol(&sherpa, path, "SherpaOnnxCreateOnlineStream")?,
            close: symbol(&sherpa, path, "SherpaOnnxDestroyOnlineStream")?,
            accept: symbol(&sherpa, path, "SherpaOnnxOnlineStreamAcceptWaveform")?,
            finished: symbol(&sherpa, path, "SherpaOnnxOnlineStreamInputFinished")?,
            is_ready: symbol(&sherpa, path, "SherpaOnnxIsOnlineStreamReady")?,
            decode: symbol(&sherpa, path, "SherpaOnnxDecodeOnlineStream")?,
            result: symbol(&sherpa, path, "SherpaOnnxGetOnlineStreamResultAsJson")?,
            free_result: symbol(&sherpa, path, "SherpaOnnxDestroyOnlineStreamResultJson")?,
            is_endpoint: symbol(&sherpa, path, "SherpaOnnxOnlineStreamIsEndpoint")?,
            reset: symbol(&sherpa, path, "SherpaOnnxOnlineStreamReset")?,
            _shared: [sherpa, runtime],
        })
    }
}

/// The configuration's texts, which must outlive it.
struct Texts {
    tokens: CString,
    transducer: Vec<CString>,
    paraformer: Vec<CString>,
    zipformer_ctc: Option<CString>,
    nemo_ctc: Option<CString>,
    t_one_ctc: Option<CString>,
}

impl Texts {
    fn of(files: &Files) -> Result<Texts, Unloadable> {
        let text = |path: &PathBuf| CString::new(path.as_os_str().as_bytes()).map_err(|_| Unloadable::Path);
        let texts = |paths: &[PathBuf]| paths.iter().map(text).collect::<Result<Vec<_>, _>>();
        Ok(Texts {
            tokens: text(&files.tokens)?,
            transducer: texts(files.transducer.as_ref().map_or(&[], |all| &all[..]))?,
            paraformer: texts(files.paraformer.as_ref().map_or(&[], |all| &all[..]))?,
            zipformer_ctc: files.zipformer_ctc.as_ref().map(text).transpose()?,
            nemo_ctc: files.nemo_ctc.as_ref().map(text).transpose()?,
            t_one_ctc: files.t_one_ctc.as_ref().map(text).transpose()?,
        })
    }

    fn config(&self, rate: i32) -> RecogniserConfig {
        let one = |text: &Option<CString>| text.as_ref().map_or(ptr::null(), |text| text.as_ptr());
        let nth = |texts: &[CString], at: usize| texts.get(at).map_or(ptr::null(), |text| text.as_ptr());
        RecogniserConfig {
            rate,
            dimensions: 80,
            model: ModelConfig {
                transducer: std::array::from_fn(|at| nth(&self.transducer, at)),
                paraformer: std::array::from_fn(|at| nth(&self.paraformer, at)),
                zipformer_ctc: one(&self.zipformer_ctc),
                tokens: self.tokens.as_ptr(),
                threads: 1,
                provider: c"cpu".as_ptr(),
                debug: 0,
                model_type: ptr::null(),
                modelling_unit: ptr::null(),
                bpe_vocabulary: ptr::null(),
                tokens_buffer: ptr::null(),
                tokens_buffer_size: 0,
                nemo_ctc: one(&self.nemo_ctc),
                t_one_ctc: one(&self.t_one_ctc),
            },
            decoding: c"greedy_search".as_ptr(),
            paths: 4,
            endpoints: 1,
            // As the server's own: 2.4 s before anything was said, 1.2 s after it, 20 s in all.
            silence_1: 2.4,
            silence_2: 1.2,
            utterance: 20.0,
            hotwords_file: ptr::null(),
            hotwords_score: 1.5,
            graph: ptr::null(),
            graph_active: 3_000,
            rule_fsts: ptr::null(),
            rule_fars: ptr::null(),
            blank_penalty: 0.0,
            hotwords: ptr::null(),
            hotwords_size: 0,
            replacer: [ptr::null(); 3],
        }
    }
}
