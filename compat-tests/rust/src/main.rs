//! The scenario with rdkafka. Usage: compat-rdkafka BOOTSTRAP before|after, or secured < CASES

mod administration;
mod records;
mod secured;
mod workload;

pub const TOPIC: &str = "rdkafka-scenario";
pub const GROUP: &str = "rdkafka-group";
pub const DEADLINE: std::time::Duration = std::time::Duration::from_secs(30);

/// Less than the suite waits for the program.
const PROGRAM_LIMIT: std::time::Duration = std::time::Duration::from_secs(110);

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    std::thread::spawn(|| {
        std::thread::sleep(PROGRAM_LIMIT);
        eprintln!("WRONG: not done after {PROGRAM_LIMIT:?}");
        std::process::exit(1);
    });
    let arguments: Vec<String> = std::env::args().collect();
    if arguments[1] == "secured" {
        return secured::run();
    }
    let bootstrap = &arguments[1];
    let admin = administration::Administration::new(bootstrap)?;
    if arguments[2] == "before" {
        admin.create_topic()?;
        records::before(bootstrap)
    } else {
        records::after(bootstrap)?;
        admin.change_settings()?;
        records::too_large(bootstrap)?;
        admin.grow_and_delete()
    }
}
