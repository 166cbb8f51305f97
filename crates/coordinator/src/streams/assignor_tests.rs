//! Who gets which tasks: a table of groups before and after.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::assignor::{Assignable, Assignee, assign};
use super::group::MemberOffsets;
use super::tasks::{TaskSet, Tasks};

/// A member: its process, the active and standby tasks that it had, and those that it has state of.
struct Before {
    process: &'static str,
    active: &'static [i32],
    standby: &'static [i32],
    offsets: &'static [(i32, i64)],
}

const NEW: Before = Before {
    process: "p",
    active: &[],
    standby: &[],
    offsets: &[],
};

fn set(partitions: &[i32]) -> TaskSet {
    let all = partitions.iter().copied().collect();
    [("0".into(), all)]
        .into_iter()
        .filter(|(_, all): &(_, std::collections::BTreeSet<i32>)| !all.is_empty())
        .collect()
}

fn shown(tasks: &Tasks) -> String {
    let one = |set: &TaskSet| {
        let all = set.values().flatten().map(i32::to_string).collect::<Vec<_>>();
        all.join(",")
    };
    format!("{}/{}", one(&tasks.active), one(&tasks.standby))
}

#[test]
fn tasks_stay_where_they_were_and_are_shared_evenly() {
    let of = |process| Before { process, ..NEW };
    // Members, tasks of a stateful subtopology, standbys, and what each is to have: active/standby.
    let table = [
        (vec![of("p")], 3, 0, "0,1,2/"),
        (vec![of("p"), of("q")], 4, 0, "0,2/ 1,3/"),
        // Two threads of one process do as much as two processes.
        (vec![of("p"), of("p"), of("q")], 6, 0, "0,3/ 2,5/ 1,4/"),
        (
            vec![
                Before {
                    active: &[0, 1, 2],
                    ..NEW
                },
                of("q"),
            ],
            4,
            0,
            "0,1/ 2,3/",
        ),
        (
            vec![
                Before {
                    active: &[1, 3],
                    ..NEW
                },
                Before {
                    process: "q",
                    active: &[0, 2],
                    ..NEW
                },
            ],
            4,
            1,
            "1,3/0,2 0,2/1,3",
        ),
        // No copy in the process that has the task, so none at all.
        (vec![of("p"), of("p")], 2, 1, "0/ 1/"),
        (vec![of("p"), of("q")], 2, 5, "0/1 1/0"),
        // The owner is gone: who followed goes on, before whoever has some state of it.
        (
            vec![
                Before {
                    offsets: &[(0, 90)],
                    ..NEW
                },
                Before {
                    process: "q",
                    standby: &[0],
                    ..NEW
                },
            ],
            1,
            0,
            "/ 0/",
        ),
        (
            vec![
                Before {
                    offsets: &[(0, 5)],
                    ..NEW
                },
                Before {
                    process: "q",
                    offsets: &[(0, 7)],
                    ..NEW
                },
            ],
            1,
            0,
            "/ 0/",
        ),
        // Who had it follows it when it must be given on.
        (
            vec![
                Before {
                    active: &[0, 1],
                    ..NEW
                },
                of("q"),
            ],
            2,
            1,
            "0/1 1/0",
        ),
    ];
    let subtopology: Arc<str> = "0".into();
    for (members, tasks, standbys, expected) in table {
        let processes: Vec<Arc<str>> = members.iter().map(|member| member.process.into()).collect();
        let offsets: Vec<MemberOffsets> = members
            .iter()
            .map(|member| MemberOffsets {
                offsets: member
                    .offsets
                    .iter()
                    .map(|(task, offset)| ((subtopology.clone(), *task), *offset))
                    .collect(),
                end_offsets: BTreeMap::new(),
            })
            .collect();
        let assignees: Vec<Assignee<'_>> = members
            .iter()
            .zip(processes.iter().zip(&offsets))
            .map(|(member, (process, offsets))| Assignee {
                process,
                had: Arc::new(Tasks {
                    active: set(member.active),
                    standby: set(member.standby),
                    warmup: TaskSet::new(),
                }),
                offsets: Some(offsets),
            })
            .collect();
        let subtopologies = [Assignable {
            id: &subtopology,
            tasks,
            is_stateful: true,
        }];
        let assigned = assign(&assignees, &subtopologies, standbys);
        let shown: Vec<String> = assigned.iter().map(shown).collect();
        assert_eq!(shown.join(" "), expected, "{tasks} tasks, {standbys} standbys");
    }
}
