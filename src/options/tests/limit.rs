//! `limit`, and what `container.update()` is given.

use super::super::{Value, read_update};
use super::js::js;
use super::{container, refused_container};
use crate::config::{Bound, CpuList, IoLimit, Limit, Manager};

fn limit(limit: Value) -> Limit {
    container(js!({ limit: limit })).limit.expect("one was asked for")
}

fn none() -> Limit {
    Limit::default()
}

/// Problems without the common beginning of their paths.
fn refused(limit: Value) -> Vec<String> {
    let problems = refused_container(js!({ limit: limit }));
    problems.iter().map(|problem| problem.replacen("limit.", "", 1)).collect()
}

fn one(key: &str, value: Value) -> Value {
    Value::Object(vec![(key.to_owned(), value)])
}

#[test]
fn limits_are_read_in_both_spellings() {
    let at = |cpu: Option<f64>, memory: Option<u64>| Limit {
        cpu: cpu.map(Bound::At),
        memory: memory.map(Bound::At),
        ..none()
    };
    for (given, read) in [
        (js!({ cpu: 50 }), at(Some(50.0), None)),
        (js!({ cpu: 1 }), at(Some(1.0), None)),
        (js!({ cpu: 12.5, memory: 4096 }), at(Some(12.5), Some(4096))),
        (js!({ cpu: 819200, memory: "100M" }), at(Some(819_200.0), Some(100 << 20))),
        (js!({ ram: 104857600 }), at(None, Some(100 << 20))),
        (js!({ ram: "1.5GiB", memory: undefined }), at(None, Some(3 << 29))),
        (js!({ ram: false, memory: "64k", pids: false }), at(None, Some(64 << 10))),
        (js!({ memory: "9223372036854775807" }), at(None, Some(i64::MAX as u64))),
    ] {
        assert_eq!(limit(given), read);
    }
}

#[test]
fn each_limit_is_read() {
    let bound = |bytes| Some(Bound::At(bytes));
    for (given, read) in [
        (js!({ cpuWeight: 1 }), Limit { cpu_weight: Some(1), ..none() }),
        (js!({ cpuWeight: 10000 }), Limit { cpu_weight: Some(10_000), ..none() }),
        (js!({ cpuset: "6,0-3" }), Limit { cpuset: Some(CpuList(vec![(0, 3), (6, 6)])), ..none() }),
        (js!({ memoryHigh: "64M" }), Limit { memory_high: bound(64 << 20), ..none() }),
        (js!({ memoryLow: 0 }), Limit { memory_low: bound(0), ..none() }),
        (js!({ swap: 0 }), Limit { swap: bound(0), ..none() }),
        (js!({ swap: "1G" }), Limit { swap: bound(1 << 30), ..none() }),
        (js!({ pids: 1 }), Limit { pids: bound(1), ..none() }),
        (js!({ pids: 4194304 }), Limit { pids: bound(1 << 22), ..none() }),
        (js!({ manager: "cgroupfs" }), Limit { manager: Some(Manager::Cgroupfs), ..none() }),
        (js!({ parent: "/jobs//a/" }), Limit { parent: Some("/jobs/a".into()), ..none() }),
        (js!({ parent: "jobs" }), Limit { parent: Some("jobs".into()), ..none() }),
        (js!({ parent: "/" }), Limit { parent: Some("/".into()), ..none() }),
        (
            js!({ manager: "systemd", parent: "jobs.slice" }),
            Limit { manager: Some(Manager::Systemd), parent: Some("jobs.slice".into()), ..none() },
        ),
        (
            js!({ hugetlb: { "2M": "4M", "1GiB": 0 } }),
            Limit {
                hugetlb: vec![("2MB".into(), Bound::At(4 << 20)), ("1GB".into(), Bound::At(0))],
                ..none()
            },
        ),
        (
            js!({ unified: { "memory.high": "5M", "hugetlb.2MB.max": "max", "io.max": null } }),
            Limit {
                unified: vec![("memory.high".into(), "5M".into()), ("hugetlb.2MB.max".into(), "max".into())],
                ..none()
            },
        ),
    ] {
        assert_eq!(limit(given), read);
    }
}

#[test]
fn max_counts_without_a_limit() {
    let max = Some(Bound::Max);
    for (key, read) in [
        ("cpu", Limit { cpu: Some(Bound::Max), ..none() }),
        ("memory", Limit { memory: max, ..none() }),
        ("ram", Limit { memory: max, ..none() }),
        ("memoryHigh", Limit { memory_high: max, ..none() }),
        ("memoryLow", Limit { memory_low: max, ..none() }),
        ("swap", Limit { swap: max, ..none() }),
        ("pids", Limit { pids: max, ..none() }),
    ] {
        assert_eq!(limit(one(key, js!("max"))), read);
    }
    let hugetlb = vec![("2MB".into(), Bound::Max)];
    assert_eq!(limit(js!({ hugetlb: { "2MB": "max" } })), Limit { hugetlb, ..none() });
    let weight = "Type: cpuWeight must be a number, not \"max\"";
    assert_eq!(refused(js!({ cpuWeight: "max" })), [weight]);
}

#[test]
fn what_asks_for_no_limit_is_none() {
    for nothing in
        [js!({}), js!({ io: [] }), js!({ hugetlb: {}, unified: {} }), js!({ hugetlb: { "2MB": false } })]
    {
        assert_eq!(container(js!({ limit: nothing })).limit, None);
    }
    for key in ["cpu", "cpuset", "memory", "ram", "pids", "io", "hugetlb", "unified", "manager", "parent"] {
        for nothing in [Value::Undefined, Value::Null, Value::Bool(false)] {
            assert_eq!(container(js!({ limit: (one(key, nothing)) })).limit, None, "{key}");
        }
    }
}

#[test]
fn impossible_cpu_limits_are_refused() {
    for (cpu, shown) in [
        (js!(0), "0"),
        (js!(0.5), "0.5"),
        (js!(-50), "-50"),
        (js!(819201), "819201"),
        (js!(f64::NAN), "NaN"),
        (js!(f64::INFINITY), "Infinity"),
    ] {
        let problem = format!(
            "Range: cpu must be from 1 to 819200 percent of one core, not {shown} \
             (the kernel takes no less than 1 ms in a period of 100 ms)"
        );
        assert_eq!(refused(js!({ cpu: cpu })), [problem]);
    }
    assert_eq!(refused(js!({ cpu: "50%" })), ["Type: cpu must be a number or \"max\", not \"50%\""]);
}

#[test]
fn impossible_memory_limits_are_refused() {
    let syntax = r#"a number of bytes, or a string such as "512", "512K", "1.5G" or "2GiB" (powers of 1024), or "max""#;
    let number = r#"a number of bytes or a string such as "512M", or "max""#;
    for (memory, class, problem) in [
        (js!(0), "Range", "at least 4096 bytes, not 0: the kernel counts whole pages".to_owned()),
        (js!("3K"), "Range", "at least 4096 bytes, not \"3K\": the kernel counts whole pages".into()),
        (js!(-1000), "Range", "0 bytes or more, not -1000".into()),
        (js!(4096.5), "Range", "a whole number of bytes, not 4096.5".into()),
        (js!(f64::NAN), "Range", "a finite number of bytes, not NaN".into()),
        (js!(1e22), "Range", "at most 9223372036854775807 bytes, not 1e22".into()),
        (js!("1MB"), "Value", format!("{syntax}, not \"1MB\"")),
        (js!("MAX"), "Value", format!("{syntax}, not \"MAX\"")),
        (js!(true), "Type", format!("{number}, not true")),
        (Value::BigInt("1".into()), "Type", format!("{number}, not the bigint 1")),
    ] {
        for key in ["memory", "ram", "memoryHigh"] {
            assert_eq!(refused(one(key, memory.clone())), [format!("{class}: {key} must be {problem}")]);
        }
    }
    for key in ["swap", "memoryLow"] {
        let problem =
            format!("Range: {key} must be 0 or at least 4096 bytes, not 4095: the kernel counts whole pages");
        assert_eq!(refused(one(key, js!(4095))), [problem]);
        let problem = format!("Range: {key} must be 0 bytes or more, not -1");
        assert_eq!(refused(one(key, js!(-1))), [problem]);
    }
}

#[test]
fn numbers_out_of_range_are_refused_with_a_reason() {
    let weight = "must be an integer from 1 to 10000, not";
    let pids = "must be an integer from 1 to 4194304, not";
    let share = "(a share beside that of others, who have 100)";
    for (given, problem) in [
        (js!({ cpuWeight: 0 }), format!("Range: cpuWeight {weight} 0 {share}")),
        (js!({ cpuWeight: 10001 }), format!("Range: cpuWeight {weight} 10001 {share}")),
        (js!({ cpuWeight: 1.5 }), format!("Range: cpuWeight {weight} 1.5")),
        (js!({ pids: 0 }), format!("Range: pids {pids} 0 (nothing could be started)")),
        (js!({ pids: (-1) }), format!("Range: pids {pids} -1 (nothing could be started)")),
        (js!({ pids: 4194305 }), format!("Range: pids {pids} 4194305 (the kernel never has more)")),
        (js!({ pids: (f64::NAN) }), format!("Range: pids {pids} NaN")),
        (js!({ pids: "10" }), "Type: pids must be a number or \"max\", not \"10\"".into()),
        (js!({ pids: 2.5 }), format!("Range: pids {pids} 2.5")),
    ] {
        assert_eq!(refused(given), [problem]);
    }
}

#[test]
fn impossible_combinations_are_refused() {
    let high = "Value: memoryHigh must not be more than container.limit.memory, 2097152 bytes where that has \
                1048576: that is reached first, so nothing would ever be slowed down";
    assert_eq!(refused(js!({ memory: "1M", memoryHigh: "2M" })), [high]);
    let low = "Value: memoryLow must not be more than container.limit.ram, 2097152 bytes where that has 1048576: \
               what it cannot have cannot be kept for it";
    assert_eq!(refused(js!({ ram: "1M", memoryLow: "2M" })), [low]);
    for possible in [
        js!({ memory: "1M", memoryHigh: "1M", memoryLow: "1M" }),
        js!({ memory: "1M", memoryHigh: "max", memoryLow: "max" }),
        js!({ memory: "max", memoryHigh: "1G", memoryLow: "1G" }),
        js!({ swap: "1G" }),
        js!({ memory: "1M", swap: "1G" }),
    ] {
        limit(possible);
    }
}

#[test]
fn a_list_of_processors_says_what_is_wrong_with_it() {
    let such_as = "must be a list of processors such as \"0-3,6\", without spaces, not";
    for (cpuset, problem) in [
        (js!(""), "Value: cpuset must not be empty: without a processor nothing runs".to_owned()),
        (js!("0, 1"), format!("Value: cpuset {such_as} \"0, 1\"")),
        (js!("0,3-1"), "Value: cpuset has the range 3-1, which is backwards; did you mean \"1-3\"?".into()),
        (
            js!("0-8192"),
            "Range: cpuset names processor 8192, and the kernel numbers them from 0 to 8191".into(),
        ),
        (js!(0), "Type: cpuset must be a string, not 0".into()),
    ] {
        assert_eq!(refused(js!({ cpuset: cpuset })), [problem]);
    }
}

#[test]
fn rates_of_devices_are_read() {
    let io = limit(js!({ io: [
        { device: "/dev/vda", rbps: "1M", wiops: 4294967294i64 },
        { device: "08:0", wbps: "max", riops: "max" },
    ] }))
    .io;
    let device = |index, device: &str| IoLimit {
        index,
        device: device.into(),
        rbps: None,
        wbps: None,
        riops: None,
        wiops: None,
    };
    assert_eq!(
        io,
        [
            IoLimit {
                rbps: Some(Bound::At(1 << 20)),
                wiops: Some(Bound::At(4_294_967_294)),
                ..device(0, "/dev/vda")
            },
            IoLimit { wbps: Some(Bound::Max), riops: Some(Bound::Max), ..device(1, "8:0") },
        ]
    );
}

#[test]
fn wrong_rates_of_devices_are_refused() {
    let absolute = "a device's absolute path such as \"/dev/sda\", or its number such as \"8:0\"";
    let number = "must be a device number from 0:0 to 4095:1048575, not";
    let iops = "must be an integer from 1 to 4294967294, not";
    for (given, problem) in [
        (
            js!({ device: "sda", rbps: 1 }),
            format!("Value: io[0].device must be {absolute}, not \"sda\"; did you mean \"/dev/sda\"?"),
        ),
        (
            js!({ device: "dev/sda", rbps: 1 }),
            format!("Value: io[0].device must be {absolute}, not \"dev/sda\""),
        ),
        (
            js!({ device: "8", rbps: 1 }),
            format!("Value: io[0].device must be {absolute}, not \"8\"; did you mean \"/dev/8\"?"),
        ),
        (js!({ device: "8:", rbps: 1 }), format!("Value: io[0].device must be {absolute}, not \"8:\"")),
        (js!({ device: "4096:0", rbps: 1 }), format!("Range: io[0].device {number} \"4096:0\"")),
        (
            js!({ device: "8:99999999999", rbps: 1 }),
            format!("Range: io[0].device {number} \"8:99999999999\""),
        ),
        (js!({ device: "", rbps: 1 }), "Value: io[0].device must not be empty".into()),
        (js!({ device: "/a\0", rbps: 1 }), "Value: io[0].device must be a string without null bytes".into()),
        (js!({ device: 8, rbps: 1 }), "Type: io[0].device must be a string, not 8".into()),
        (js!({ rbps: 1 }), format!("Type: io[0].device is required: {absolute}")),
        (js!({ device: "8:0" }), "Value: io[0] limits nothing: give one of rbps, wbps, riops, wiops".into()),
        (
            js!({ device: "8:0", rbps: 0 }),
            "Range: io[0].rbps must be at least 1 byte, not 0: nothing could ever be read".into(),
        ),
        (
            js!({ device: "8:0", wbps: 0 }),
            "Range: io[0].wbps must be at least 1 byte, not 0: nothing could ever be written".into(),
        ),
        (
            js!({ device: "8:0", riops: 0 }),
            format!("Range: io[0].riops {iops} 0 (nothing could ever be read)"),
        ),
        (
            js!({ device: "8:0", wiops: 4294967295i64 }),
            format!("Range: io[0].wiops {iops} 4294967295 (the kernel counts in 32 bits)"),
        ),
        (
            js!({ device: "8:0", wiops: "1K" }),
            "Type: io[0].wiops must be a number or \"max\", not \"1K\"".into(),
        ),
        (
            js!({ device: "8:0", rbpss: 1, wbps: 1 }),
            "Unknown: io[0].rbpss is an unknown option; did you mean \"rbps\"?".into(),
        ),
    ] {
        assert_eq!(refused(js!({ io: [given] })), [problem]);
    }
    let twice = js!({ io: [{ device: "8:0", rbps: 1 }, { device: "8:00", wbps: 1 }] });
    let problem = "Value: io[1].device is the same as container.limit.io[0].device: give all rates of a device in one entry";
    assert_eq!(refused(twice), [problem]);
    let wanted = "an array of { device, rbps, wbps, riops, wiops }";
    assert_eq!(
        refused(js!({ io: { device: "8:0" } })),
        [format!("Type: io must be {wanted}, not an object")]
    );
    assert_eq!(refused(js!({ io: [null] })), ["Type: io[0] must be an object, not null"]);
}

#[test]
fn wrong_huge_pages_are_refused() {
    let such_as = "such as \"2MB\" or \"1GB\"";
    for (key, value, problem) in [
        ("3MB", js!(0), format!("Value: hugetlb[\"3MB\"] is named for no size that huge pages have: those are powers of two, {such_as}")),
        ("4K", js!(0), format!("Value: hugetlb[\"4K\"] is named for no size that huge pages have: those are powers of two, {such_as}")),
        ("huge", js!(false), format!("Value: hugetlb.huge must be named for a size of huge pages, {such_as}")),
        ("2097152", js!(0), format!("Value: hugetlb[\"2097152\"] must be named for a size of huge pages, {such_as}")),
        ("2M", js!("3M"), "Range: hugetlb[\"2M\"] must be a multiple of 2MB, not \"3M\": the kernel counts whole pages, and would make it 2097152 bytes".into()),
        ("1GB", js!(-1), "Range: hugetlb[\"1GB\"] must be 0 bytes or more, not -1".into()),
    ] {
        assert_eq!(refused(js!({ hugetlb: (one(key, value)) })), [problem]);
    }
    let problem =
        "Value: hugetlb[\"2MiB\"] says the same as container.limit.hugetlb[\"2M\"]: leave one of them out";
    assert_eq!(refused(js!({ hugetlb: { "2M": 0, "2MiB": 0 } })), [problem]);
}

#[test]
fn wrong_control_files_are_refused() {
    let named = "must be named for a control file of cgroup version 2, such as \"memory.high\"";
    for (key, problem) in [
        ("memory", format!("unified.memory {named}")),
        ("", format!("unified[\"\"] {named}")),
        ("Memory.high", format!("unified[\"Memory.high\"] {named}")),
        ("memory.HIGH", format!("unified[\"memory.HIGH\"] {named}")),
        ("memory..high", format!("unified[\"memory..high\"] {named}")),
        ("memory.", format!("unified[\"memory.\"] {named}")),
        (".high", format!("unified[\".high\"] {named}")),
        ("../memory.high", format!("unified[\"../memory.high\"] {named}")),
        ("a/memory.high", format!("unified[\"a/memory.high\"] {named}")),
        ("memory.high\0", format!("unified[\"memory.high\\0\"] {named}")),
        ("cgroup.kill", "unified[\"cgroup.kill\"] cannot be written to: use container.kill()".into()),
        (
            "cgroup.freeze",
            "unified[\"cgroup.freeze\"] cannot be written to: use container.pause() and container.resume()".into(),
        ),
        (
            "cgroup.procs",
            "unified[\"cgroup.procs\"] cannot be written to: container-spawn itself needs the files cgroup.*".into(),
        ),
        (
            "memory.limit_in_bytes",
            "unified[\"memory.limit_in_bytes\"] is a file of cgroup version 1, not 2: use the option \"memory\"".into(),
        ),
    ] {
        for value in [js!("1"), js!(false)] {
            assert_eq!(refused(js!({ unified: (one(key, value)) })), [format!("Value: {problem}")]);
        }
    }
    for (value, problem) in [
        (js!(5), "Type: unified[\"memory.high\"] must be a string, not 5"),
        (js!(""), "Value: unified[\"memory.high\"] must not be empty"),
        (js!("1\0"), "Value: unified[\"memory.high\"] must be a string without null bytes"),
    ] {
        assert_eq!(refused(js!({ unified: { "memory.high": value } })), [problem]);
    }
    limit(
        js!({ unified: { "cpu.uclamp.min": "10", "memory.swap.high": "1", "rdma.max": "x", "hugetlb.1GB.rsvd.max": "0" } }),
    );
}

#[test]
fn a_control_file_and_the_option_for_it_are_one_too_many() {
    for (file, key, value) in [
        ("cpu.max", "cpu", js!(50)),
        ("cpu.weight", "cpuWeight", js!(50)),
        ("cpu.weight.nice", "cpuWeight", js!(50)),
        ("cpuset.cpus", "cpuset", js!("0")),
        ("memory.max", "memory", js!("1M")),
        ("memory.max", "ram", js!("max")),
        ("memory.high", "memoryHigh", js!("1M")),
        ("memory.low", "memoryLow", js!("1M")),
        ("memory.swap.max", "swap", js!(0)),
        ("pids.max", "pids", js!(5)),
        ("io.max", "io", js!([{ device: "8:0", rbps: 1 }])),
    ] {
        let given = Value::Object(vec![("unified".into(), one(file, js!("1"))), (key.into(), value)]);
        let problem = format!(
            "Value: unified[\"{file}\"] says the same as container.limit.{key}: leave one of them out"
        );
        assert_eq!(refused(given), [problem]);
    }
    let problem = "Value: unified[\"hugetlb.2MB.max\"] says the same as container.limit.hugetlb[\"2M\"]: leave one of them out";
    assert_eq!(refused(js!({ hugetlb: { "2M": 0 }, unified: { "hugetlb.2MB.max": "0" } })), [problem]);
    limit(js!({ hugetlb: { "2M": 0 }, unified: { "hugetlb.1GB.max": "0" } }));
    limit(js!({ memory: "1M", unified: { "memory.swap.max": "0" } }));
}

#[test]
fn wrong_managers_and_parents_are_refused() {
    let slice = "must be one of systemd's slices, such as \"jobs.slice\", not";
    let systemd = |parent: &str| js!({ manager: "systemd", parent: parent });
    for (given, problem) in [
        (js!({ manager: "sytemd" }), "Value: manager must be \"cgroupfs\" or \"systemd\", not \"sytemd\"; did you mean \"systemd\"?".to_owned()),
        (js!({ manager: "docker" }), "Value: manager must be \"cgroupfs\" or \"systemd\", not \"docker\"".into()),
        (js!({ manager: true }), "Type: manager must be a string, not true".into()),
        (js!({ parent: "" }), "Value: parent must not be empty".into()),
        (js!({ parent: "a/../b" }), "Value: parent must not contain \"..\", as \"a/../b\" does".into()),
        (js!({ parent: "." }), "Value: parent must not contain \".\", as \".\" does".into()),
        (js!({ parent: "a\0" }), "Value: parent must be a string without null bytes".into()),
        (js!({ parent: 5 }), "Type: parent must be a string, not 5".into()),
        (
            js!({ parent: "/a/container-spawn.1.2.3.4/b" }),
            "Value: parent must not lead through \"container-spawn.1.2.3.4\", which is a container's own and removed at its end".into(),
        ),
        (systemd("jobs"), format!("Value: parent {slice} \"jobs\"")),
        (systemd("/jobs.slice"), format!("Value: parent {slice} \"/jobs.slice\"")),
    ] {
        assert_eq!(refused(given), [problem]);
    }
}

#[test]
fn wrong_limits_are_refused() {
    for (given, problem) in [
        (
            js!({ ram: "1G", memory: "1G" }),
            "Value: ram says the same as container.limit.memory: leave one of them out",
        ),
        (js!({ memry: 1 }), "Unknown: memry is an unknown option; did you mean \"memory\"?"),
        (js!({ pid: 1 }), "Unknown: pid is an unknown option; did you mean \"pids\"?"),
        (js!({ cpu_weight: 1 }), "Unknown: cpu_weight is an unknown option; did you mean \"cpuWeight\"?"),
        (
            js!({ disk: 1 }),
            "Unknown: disk is an unknown option; known here: cpu, cpuWeight, cpuset, memory, ram, memoryHigh, \
             memoryLow, swap, pids, io, hugetlb, unified, manager, parent",
        ),
    ] {
        assert_eq!(refused(given), [problem]);
    }
    assert_eq!(refused_container(js!({ limit: 5 })), ["Type: limit must be an object, not 5"]);
}

#[test]
fn all_mistakes_are_found() {
    let given = js!({
        cpu: 0, pids: 0, cpuset: "", io: [{ device: "x y", wbps: 0 }, { device: "8:0" }],
        hugetlb: { "3M": (-1) }, unified: { "cgroup.kill": "" }, manager: 1, parent: "..", pid: 1,
    });
    let options: Vec<String> = refused(given)
        .iter()
        .filter_map(|problem| Some(problem.split_once(": ")?.1.split_once(' ')?.0.to_owned()))
        .collect();
    let wanted = [
        "cpu",
        "cpuset",
        "pids",
        "io[0].device",
        "io[0].wbps",
        "io[1]",
        "hugetlb[\"3M\"]",
        "hugetlb[\"3M\"]",
        "unified[\"cgroup.kill\"]",
        "unified[\"cgroup.kill\"]",
        "manager",
        "parent",
        "pid",
    ];
    assert_eq!(options, wanted);
}

#[test]
fn an_update_takes_what_can_be_changed() {
    let memory = Some(Bound::At(1 << 30));
    assert_eq!(read_update(&js!({ ram: "1G" })), Ok(Limit { memory, ..none() }));
    let high = Some(Bound::Max);
    assert_eq!(
        read_update(&js!({ memoryHigh: "max", parent: undefined })),
        Ok(Limit { memory_high: high, ..none() })
    );
    for (given, problem) in [
        (js!({}), "Value: limit names no limit to change"),
        (js!({ pids: undefined, io: [] }), "Value: limit names no limit to change"),
        (js!({ manager: "systemd" }), "Value: limit.manager cannot be changed in a running container"),
        (js!({ pids: 5, parent: "a" }), "Value: limit.parent cannot be changed in a running container"),
        (
            js!({ memory: 0 }),
            "Range: limit.memory must be at least 4096 bytes, not 0: the kernel counts whole pages",
        ),
        (
            js!({ io: [{ device: "8:0", wbps: 0 }] }),
            "Range: limit.io[0].wbps must be at least 1 byte, not 0: nothing could ever be written",
        ),
        (js!({ memry: 1 }), "Unknown: limit.memry is an unknown option; did you mean \"memory\"?"),
        (js!({ mangaer: "x" }), "Unknown: limit.mangaer is an unknown option; did you mean \"manager\"?"),
        (
            js!({ memory: "1M", unified: { "memory.max": "1" } }),
            "Value: limit.unified[\"memory.max\"] says the same as limit.memory: leave one of them out",
        ),
        (js!(undefined), "Type: limit must be an object, not undefined"),
        (js!(null), "Type: limit must be an object, not null"),
        (js!("1G"), "Type: limit must be an object, not \"1G\""),
    ] {
        let problems = read_update(&given).expect_err("it is wrong").0;
        let problems: Vec<String> =
            problems.iter().map(|problem| format!("{:?}: {problem}", problem.class)).collect();
        assert_eq!(problems, [problem]);
    }
}
