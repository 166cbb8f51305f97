//! The generated files are what the script makes of Apache Kafka's message definitions.

use std::path::Path;
use std::process::Command;

/// Runs where the definitions have been fetched already (scripts/test fetches them and checks in any case), so that this needs no
/// network.
#[test]
fn generated_files_are_fresh() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let definitions = root.join("target/kafka-definitions");
    if !definitions.exists() {
        eprintln!("skipped: run scripts/generate-protocol --check once, it fetches the definitions");
        return;
    }
    let script = root.join("scripts/generate-protocol");
    let output = Command::new("python3")
        .arg(script)
        .arg("--check")
        .arg(definitions)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
