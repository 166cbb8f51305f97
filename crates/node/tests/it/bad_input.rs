//! Files that are corrupt, cut off, of a newer format or out of reach: what a start says of each, what is served all the same, and
//! that nothing is removed that a person might still want.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use barnabas_protocol::error::ErrorCode;
use rustix::process::{Signal, geteuid};
use tempfile::TempDir;

use crate::full_disk::{end_offset, start};
use crate::node::Client;
use crate::process::{barnabas, refusal};
use crate::space::{create, fetch_error, produce_each};

const STORAGE_ERROR: i16 = ErrorCode::KafkaStorageError.code();
const RECORDS: i64 = 5;
/// A segment of `t`; the other topic, `u`, is never touched.
const SEGMENT: &str = "t-0/00000000000000000000";

/// Before the start, the folder was closed...
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stop {
    /// ...in order.
    Clean,
    /// ...by a crash, with all records on disk.
    Crash,
    /// ...by a crash, and nothing says what is on disk.
    CrashUnsynced,
}
use Stop::{Clean, Crash, CrashUnsynced};

/// What the start makes of it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    /// All records are there.
    Serves,
    /// So many records are there: the end of the log was torn.
    Cut(i64),
    /// The partition is offline, its files are as they were.
    Offline,
    /// The node doesn't start, the file is as it was.
    Refused,
}
use Then::{Cut, Offline, Refused, Serves};

#[derive(Clone, Copy, Debug)]
enum Damage {
    /// The file has this content instead.
    Content(&'static [u8]),
    /// The last bytes are missing.
    Short(u64),
    /// A byte so far from the end is another.
    Flipped(usize),
    /// A folder is in its place: no way to read it.
    Unreadable,
}
use Damage::{Content, Flipped, Short, Unreadable};

impl Damage {
    fn apply(self, path: &Path) {
        match self {
            Content(bytes) => fs::write(path, bytes).unwrap(),
            Short(bytes) => {
                let file = fs::File::options().write(true).open(path).unwrap();
                file.set_len(file.metadata().unwrap().len() - bytes).unwrap();
            }
            Flipped(from_end) => {
                let mut content = fs::read(path).unwrap();
                let index = content.len() - from_end;
                content[index] ^= 0x40;
                fs::write(path, content).unwrap();
            }
            Unreadable => {
                let _ = fs::remove_file(path);
                fs::create_dir(path).unwrap();
            }
        }
    }
}

/// File, what is wrong with it, how the node had ended, what follows, and words that are said beside the path.
type Case = (&'static str, Damage, Stop, Then, &'static str);

#[rustfmt::skip]
const CASES: &[Case] = &[
    (".log", Short(3), CrashUnsynced, Cut(4), "cutting off the end of a log"),
    (".log", Flipped(3), CrashUnsynced, Cut(4), "computed crc"),
    (".log", Content(b""), CrashUnsynced, Cut(0), ""),
    (".log", Unreadable, Crash, Refused, "directory"),
    (".index", Content(b"rubbish"), Clean, Serves, ""),
    (".index", Content(b"rubbish"), CrashUnsynced, Serves, ""),
    (".timeindex", Content(b"rubbish"), Clean, Serves, ""),
    (".timeindex", Content(b"rubbish"), CrashUnsynced, Serves, ""),
    (".txnindex", Content(b"rubbish"), Clean, Serves, ""),
    (".txnindex", Content(b"rubbish"), CrashUnsynced, Serves, ""),
    (".snapshot", Content(b"rubbish"), Clean, Serves, "corrupt"),
    (".snapshot", Content(b"\0\x09rubbish"), Crash, Serves, ""),
    ("t-0/leader-epoch-checkpoint", Content(b"rubbish\n"), Clean, Serves, "rebuilding the leader epochs"),
    ("t-0/leader-epoch-checkpoint", Content(b"0\n2\n0 0\n"), Crash, Serves, "2 rows are announced"),
    ("t-0/leader-epoch-checkpoint", Content(b"9\n0\n"), Crash, Serves, "unknown version"),
    ("t-0/partition.metadata", Content(b"rubbish\n"), Crash, Offline, "malformed content"),
    // A later version is believed as well: it says that the folder is another topic's, which is set aside.
    ("t-0/partition.metadata", Content(b"version: 9\ntopic_id: AAAAAAAAAAAAAAAAAAAABQ\n"), Crash, Cut(0), ""),
    ("t-0/partition.metadata", Content(b"version: 0\ntopic_"), Crash, Serves, "going on without the topic id"),
    ("t-0/partition.metadata", Content(b"rubbish\n"), Clean, Serves, ""),
    ("t-0/partition.metadata", Unreadable, Crash, Refused, "directory"),
    ("recovery-point-offset-checkpoint", Content(b"rubbish\n"), Crash, Serves, "unknown version"),
    ("recovery-point-offset-checkpoint", Content(b"9\n0\n"), Crash, Serves, "unknown version"),
    ("replication-offset-checkpoint", Content(b"0\n7\n"), Crash, Serves, "7 rows are announced"),
    ("log-start-offset-checkpoint", Content(b"0\n1\nt 0 x\n"), Crash, Serves, "malformed row"),
    ("cleaner-offset-checkpoint", Content(b"rubbish\n"), Crash, Serves, "cleaner-offset-checkpoint is corrupt"),
    (".kafka_cleanshutdown", Content(b"rubbish"), Clean, Serves, ""),
    ("meta.properties", Content(b"rubbish\n"), Clean, Refused, "version is missing"),
    ("meta.properties", Content(b""), Clean, Refused, "version is missing"),
    ("meta.properties", Content(b"version=2\nnode.id=1\n"), Clean, Refused, "version 2 is not known"),
    ("meta.properties", Content(b"version=1\nnode.id=7\ncluster.id=MkU3OEVBNTcwNTJENDM2Qg\ndirectory.id=AAAAAAAAAAAAAAAAAAAABQ\n"), Clean, Refused, "belongs to node 7"),
    ("meta.properties", Unreadable, Clean, Refused, "directory"),
];

/// A folder with two topics, closed in order.
fn prepared() -> TempDir {
    let root = TempDir::new().unwrap();
    let node = start(root.path().join("data").to_str().unwrap(), "unlimited");
    let mut client = Client::connect(node.address());
    for topic in ["t", "u"] {
        create(&mut client, topic, &[]);
        produce_each(&mut client, topic, &[&b"value"[..]; RECORDS as usize]);
    }
    assert_eq!(node.end(Signal::TERM), Some(0));
    root
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-r").args([from, to]).status();
    assert!(copied.unwrap().success());
}

/// Every file of `t`, with its content.
fn files(data: &Path) -> Vec<(String, Vec<u8>)> {
    let mut names = crate::space::names(&data.join("t-0"));
    names.sort();
    let read = |name: String| {
        let content = fs::read(data.join("t-0").join(&name)).unwrap_or_default();
        (name, content)
    };
    names.into_iter().map(read).collect()
}

#[test]
fn bad_files_are_named_and_cost_no_more_than_they_must() {
    let sound = prepared();
    let work = TempDir::new().unwrap();
    // Each on a thread of its own, so that one failure doesn't hide the others.
    let fails = |(index, case): &(usize, &Case)| {
        let data = work.path().join(index.to_string());
        copy(&sound.path().join("data"), &data);
        std::thread::scope(|scope| scope.spawn(|| start_on_bad_file(&data, case)).join().is_err())
    };
    let failed: Vec<_> = CASES.iter().enumerate().filter(fails).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

fn start_on_bad_file(data: &Path, case: &Case) {
    let (file, damage, stop, then, words) = *case;
    if stop != Clean {
        fs::remove_file(data.join(".kafka_cleanshutdown")).unwrap();
    }
    if stop == CrashUnsynced {
        fs::remove_file(data.join("recovery-point-offset-checkpoint")).unwrap();
    }
    let path = match file {
        ".snapshot" => data.join(format!("t-0/{RECORDS:020}.snapshot")),
        ".log" | ".index" | ".timeindex" | ".txnindex" => data.join(format!("{SEGMENT}{file}")),
        _ => data.join(file),
    };
    damage.apply(&path);
    let before = files(data);
    let bad = fs::read(&path).unwrap_or_default();

    let said = if then == Refused {
        refusal(barnabas().args(["--listen", "127.0.0.1:0", "--data"]).arg(data))
    } else {
        serve(data, then, RECORDS, case)
    };
    // Whose it is, is said of the folder.
    let place = if words.starts_with("belongs") { data } else { &path };
    let named = words.is_empty() || said.contains(words) && said.contains(place.to_str().unwrap());
    assert!(named, "{case:?}: {said}");
    if matches!(then, Offline | Refused) {
        assert_eq!(files(data), before, "{case:?}");
        assert_eq!(fs::read(&path).unwrap_or_default(), bad, "{case:?}");
    }
}

/// Starts a node and asks for the records, of which the other topic has `others`; answers what it said until its end.
fn serve(data: &Path, then: Then, others: i64, case: &Case) -> String {
    let node = start(data.to_str().unwrap(), "unlimited");
    let mut client = Client::connect(node.address());
    let expected = match then {
        Cut(records) => records,
        _ => RECORDS,
    };
    if then == Offline {
        assert_eq!(fetch_error(&mut client, "t", 0), STORAGE_ERROR, "{case:?}");
    } else {
        assert_eq!(end_offset(&mut client, "t"), expected, "{case:?}");
        for offset in 0..expected {
            assert_eq!(fetch_error(&mut client, "t", offset), 0, "{case:?}");
        }
        produce_each(&mut client, "t", &[b"more"]);
    }
    assert_eq!(end_offset(&mut client, "u"), others, "{case:?}");
    produce_each(&mut client, "u", &[b"more"]);
    let (said, code) = node.end_and_tell(Signal::TERM);
    assert_eq!(code, Some(0), "{case:?}: {said}");
    said
}

#[test]
fn a_repaired_partition_comes_back_with_all_that_it_had() {
    let root = prepared();
    let data = root.path().join("data");
    let path = data.join("t-0/partition.metadata");
    let sound = fs::read(&path).unwrap();
    fs::write(&path, "rubbish").unwrap();
    fs::remove_file(data.join(".kafka_cleanshutdown")).unwrap();
    serve(&data, Offline, RECORDS, &CASES[0]);
    // What is known of it outlives the stop.
    let recovery_points = fs::read_to_string(data.join("recovery-point-offset-checkpoint")).unwrap();
    assert!(
        recovery_points.contains(&format!("t 0 {RECORDS}\n")),
        "{recovery_points}"
    );
    serve(&data, Offline, RECORDS + 1, &CASES[0]);
    fs::write(&path, sound).unwrap();
    serve(&data, Serves, RECORDS + 2, &CASES[0]);
}

#[test]
fn a_folder_without_permission_is_named() {
    let root = prepared();
    let data = root.path().join("data");
    let mut command = barnabas();
    command.args(["--listen", "127.0.0.1:0", "--data"]).arg(&data);
    if geteuid().is_root() {
        // Root may do everything; somebody else is somebody else.
        command.uid(65_534).current_dir("/");
        if barnabas().arg("--version").uid(65_534).output().is_err() {
            println!("skipped: others may not run the binary");
            return;
        }
    } else {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o500)).unwrap();
        fs::set_permissions(&data, fs::Permissions::from_mode(0o000)).unwrap();
    }
    let said = refusal(&mut command);
    assert!(
        said.contains("Permission denied") && said.contains(data.to_str().unwrap()),
        "{said}"
    );
}
