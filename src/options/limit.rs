//! `container.limit`, and what `container.update(limit)` is given.

mod amount;
mod cpuset;
mod group;
mod hugetlb;
mod io;
mod unified;

use super::problem::{ProblemClass, Problems, Read};
use super::reader::{Fields, Given};
use super::spelling;
use crate::config::{Bound, Limit};

/// What a group was made with; everything else can be changed later.
const MADE_WITH: [&str; 2] = ["manager", "parent"];

const NEVER_SLOWED: &str = "that is reached first, so nothing would ever be slowed down";
const NEVER_HAD: &str = "what it cannot have cannot be kept for it";

/// The limits; an object that asks for none is none.
pub(crate) fn read(given: &Given, problems: &mut Problems) -> Read<Option<Limit>> {
    let mut fields = given.fields(problems)?;
    let limit = limits(&mut fields, problems);
    let group = group::read(&mut fields, problems);
    fields.finish(problems);

    let (manager, parent) = group?;
    let limit = Limit { manager, parent, ..limit? };
    Ok((limit != Limit::default()).then_some(limit))
}

/// Limits of a container that is there; an object that asks for none is a mistake.
pub(crate) fn read_update(given: &Given, problems: &mut Problems) -> Read<Limit> {
    let mut fields = given.fields(problems)?;
    let limit = limits(&mut fields, problems);
    let why = "cannot be changed in a running container";
    let refused = fields.refuse(&MADE_WITH, ProblemClass::Value, why, problems);
    fields.finish(problems);

    refused?;
    let limit = limit?;
    if limit == Limit::default() && problems.0.is_empty() {
        return Err(given.problem(ProblemClass::Value, "names no limit to change", problems));
    }
    Ok(limit)
}

/// All but how the group is made.
fn limits(fields: &mut Fields, problems: &mut Problems) -> Read<Limit> {
    let mut asked = Asked::default();
    let cpu = asked.read(fields.asked("cpu"), "cpu.max", problems, amount::cpu);
    let cpu_weight = asked.read(fields.asked("cpuWeight"), "cpu.weight", problems, amount::cpu_weight);
    let cpuset = asked.read(fields.asked("cpuset"), "cpuset.cpus", problems, cpuset::read);
    let memory = spelling::asked(fields, "memory", problems)
        .and_then(|given| asked.read(given, "memory.max", problems, amount::memory));
    let memory_high = asked.read(fields.asked("memoryHigh"), "memory.high", problems, amount::memory);
    let memory_low = asked.read(fields.asked("memoryLow"), "memory.low", problems, amount::memory_or_none);
    let swap = asked.read(fields.asked("swap"), "memory.swap.max", problems, amount::memory_or_none);
    let pids = asked.read(fields.asked("pids"), "pids.max", problems, amount::pids);
    let io = asked.read(fields.asked("io"), "io.max", problems, io::read);
    let hugetlb =
        fields.asked("hugetlb").map(|given| hugetlb::read(&given, &mut asked, problems)).transpose();
    let unified = fields.asked("unified").map(|given| unified::read(&given, &asked, problems)).transpose();
    let high = asked.is_within_memory("memory.high", memory_high, memory, NEVER_SLOWED, problems);
    let low = asked.is_within_memory("memory.low", memory_low, memory, NEVER_HAD, problems);

    high.and(low)?;
    Ok(Limit {
        cpu: cpu?,
        cpu_weight: cpu_weight?,
        cpuset: cpuset?,
        memory: memory?,
        memory_high: memory_high?,
        memory_low: memory_low?,
        swap: swap?,
        pids: pids?,
        io: io?.unwrap_or_default(),
        hugetlb: hugetlb?.unwrap_or_default(),
        unified: unified?.unwrap_or_default(),
        manager: None,
        parent: None,
    })
}

/// The version 2 control files that options of their own ask for, each with the path of its option.
#[derive(Debug, Default)]
struct Asked(Vec<(String, String)>);

impl Asked {
    /// Reads what was given, if it was, and notes the file that it becomes.
    fn read<T>(
        &mut self,
        given: Option<Given>,
        file: &str,
        problems: &mut Problems,
        read: impl FnOnce(&Given, &mut Problems) -> Read<T>,
    ) -> Read<Option<T>> {
        let Some(given) = given else { return Ok(None) };
        self.note(file, &given);
        read(&given, problems).map(Some)
    }

    fn note(&mut self, file: &str, given: &Given) {
        self.0.push((file.to_owned(), given.path.clone()));
    }

    /// The path of the option that asks for a file.
    fn option(&self, file: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == file).map(|(_, option)| option.as_str())
    }

    /// Checks that the limit in `file` is not above that of `memory.max`.
    fn is_within_memory(
        &self,
        file: &str,
        bound: Read<Option<Bound<u64>>>,
        memory: Read<Option<Bound<u64>>>,
        why: &str,
        problems: &mut Problems,
    ) -> Read<()> {
        let (Ok(Some(Bound::At(bytes))), Ok(Some(Bound::At(most)))) = (bound, memory) else { return Ok(()) };
        let (Some(option), Some(memory)) = (self.option(file), self.option("memory.max")) else {
            return Ok(());
        };
        if bytes <= most {
            return Ok(());
        }
        let message = format!("must not be more than {memory}, {bytes} bytes where that has {most}: {why}");
        Err(problems.add(ProblemClass::Value, option, message))
    }
}

/// Text that a file or a path can hold.
fn text<'v>(given: &Given<'v>, problems: &mut Problems) -> Read<&'v str> {
    given.c_string_not_empty(problems)?;
    given.string(problems)
}
