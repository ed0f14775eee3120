//! What is said to systemd, and what is made of its answers.

use super::super::message::Message;
use super::super::refused::Why;
use super::super::value::Value;
use super::super::wire::Writer;
use super::fake::{Fake, OWNER, PATIENCE, Peer, RETURN, behind, job_removed, message};
use super::read_properties;

const JOB: &str = "/org/freedesktop/systemd1/job/9";

/// A systemd that does this when a scope is to be started.
fn starting(script: impl Fn(&mut Peer, &Message) + Send + 'static) -> Fake<Vec<String>> {
    behind(move |stream| Peer::welcome(stream).serve(|peer, call| script(peer, call)))
}

fn start(fake: Fake<Vec<String>>, bus: bool) -> (Result<(), Why>, Vec<String>) {
    let mut systemd = fake.connect(bus, PATIENCE).unwrap();
    let result = systemd.start_scope("a.scope", &[("PIDs", Value::U32s(vec![1]))]);
    drop(systemd);
    (result.map_err(|refused| refused.why), fake.thread.join().unwrap())
}

#[test]
fn starts_a_scope_over_a_bus() {
    let fake = starting(|peer, call| {
        peer.answer(call, "o", JOB);
        peer.write(&job_removed(OWNER, JOB, "a.scope", "done"));
    });
    let (result, log) = start(fake, true);
    result.unwrap();
    let expected = [
        "Hello",
        "GetNameOwner",
        "AddMatch",
        "Subscribe",
        "StartTransientUnit",
        "Unsubscribe",
        "RemoveMatch",
    ];
    assert_eq!(log, expected);
}

#[test]
fn starts_a_scope_without_a_bus() {
    let fake = starting(|peer, call| {
        peer.answer(call, "o", JOB);
        peer.write(&job_removed(OWNER, JOB, "a.scope", "done"));
    });
    let (result, log) = start(fake, false);
    result.unwrap();
    assert_eq!(log, ["Subscribe", "StartTransientUnit", "Unsubscribe"]);
}

#[test]
fn older_systemds_say_ok_twice() {
    let fake = behind(|stream| {
        let peer = Peer::welcome_with(stream, b"OK 0123\r\nOK 0123\r\n");
        peer.serve(|peer, call| peer.answer(call, "o", JOB))
    });
    fake.connect(false, PATIENCE).unwrap().attach("a.scope", "/b", 1).unwrap();
}

#[test]
fn a_job_may_be_done_before_the_answer() {
    let fake = starting(|peer, call| {
        peer.write(&job_removed(OWNER, "/another/job", "a.scope", "failed"));
        peer.write(&job_removed(OWNER, JOB, "a.scope", "done"));
        peer.answer(call, "o", JOB);
    });
    start(fake, true).0.unwrap();
}

#[test]
fn signals_of_others_do_not_count() {
    let fake = starting(|peer, call| {
        peer.write(&job_removed(":1.66", JOB, "a.scope", "done"));
        peer.answer(call, "o", JOB);
        peer.write(&job_removed(":1.66", JOB, "a.scope", "done"));
        peer.write(&job_removed(OWNER, JOB, "b.scope", "done"));
        peer.write(&job_removed(OWNER, "/another/job", "a.scope", "done"));
        peer.write(&job_removed(OWNER, JOB, "a.scope", "canceled"));
    });
    assert!(matches!(start(fake, true).0, Err(Why::Job(result)) if result == "canceled"));
}

#[test]
fn a_job_may_come_to_nothing() {
    for result in ["failed", "canceled", "timeout", "dependency", "skipped"] {
        let fake = starting(move |peer, call| {
            peer.answer(call, "o", JOB);
            peer.write(&job_removed(OWNER, JOB, "a.scope", result));
        });
        let why = start(fake, false).0.unwrap_err();
        assert_eq!(why.to_string(), format!("the job ended with result {result:?} instead of \"done\""));
    }
}

#[test]
fn an_error_keeps_its_name_and_text() {
    let fake = starting(|peer, call| {
        peer.refuse(call, "org.freedesktop.systemd1.UnitExists", "Unit a.scope already exists.");
    });
    let mut systemd = fake.connect(true, PATIENCE).unwrap();
    let refused = systemd.start_scope("a.scope", &[]).unwrap_err();
    assert_eq!(refused.error_name(), Some("org.freedesktop.systemd1.UnitExists"));
    assert_eq!(
        refused.to_string(),
        "StartTransientUnit a.scope: org.freedesktop.systemd1.UnitExists: Unit a.scope already exists."
    );
    // The connection is as good as before, and listens to nothing any more.
    assert!(systemd.start_scope("a.scope", &[]).is_err());
    drop(systemd);
    let log = fake.thread.join().unwrap();
    assert_eq!(log.iter().filter(|member| *member == "RemoveMatch").count(), 2);
}

#[test]
fn an_error_needs_no_text() {
    let fake = starting(|peer, call| {
        let fields = [(4, "s", "org.example.Error"), (7, "s", OWNER)];
        let mut body = Writer::default();
        body.u32(5);
        peer.write(&message(super::fake::ERROR, &fields, call.serial, "u", body));
    });
    let why = start(fake, false).0.unwrap_err();
    assert!(matches!(why, Why::Bus { name, message } if name == "org.example.Error" && message.is_empty()));
}

#[test]
fn an_answer_of_other_types_is_an_error() {
    let fake = starting(|peer, call| {
        let mut body = Writer::default();
        body.u32(5);
        peer.write(&message(RETURN, &[(7, "s", OWNER)], call.serial, "u", body));
    });
    assert!(matches!(start(fake, false).0, Err(Why::Malformed(_))));
}

#[test]
fn says_what_the_documentation_wants() {
    let fake = starting(|peer, call| {
        assert_eq!(call.interface, "org.freedesktop.systemd1.Manager");
        assert_eq!(call.path, "/org/freedesktop/systemd1");
        assert_eq!(call.member, "StartTransientUnit");
        let mut body = call.body("ssa(sv)a(sa(sv))").unwrap();
        assert_eq!((body.string().unwrap(), body.string().unwrap()), ("a.scope", "fail"));
        assert_eq!(read_properties(&mut body).unwrap(), [("PIDs".into(), Value::U32s(vec![5]))]);
        let others = body.array(8, |_| -> Result<(), Why> { panic!("no auxiliary units") });
        assert!(others.unwrap().is_empty());
        peer.answer(call, "o", JOB);
        peer.write(&job_removed(OWNER, JOB, "a.scope", "done"));
    });
    let mut systemd = fake.connect(false, PATIENCE).unwrap();
    systemd.start_scope("a.scope", &[("PIDs", Value::U32s(vec![5]))]).unwrap();
    drop(systemd);
    fake.thread.join().unwrap();
}

/// `AttachProcessesToUnit a.scope /b [258]`, byte by byte.
const ATTACH: &[u8] = b"l\x01\0\x01\x1c\0\0\0\x01\0\0\0\xaa\0\0\0\
    \x01\x01o\0\x19\0\0\0/org/freedesktop/systemd1\0\0\0\0\0\0\0\
    \x02\x01s\0\x20\0\0\0org.freedesktop.systemd1.Manager\0\0\0\0\0\0\0\0\
    \x03\x01s\0\x15\0\0\0AttachProcessesToUnit\0\0\0\
    \x06\x01s\0\x18\0\0\0org.freedesktop.systemd1\0\0\0\0\0\0\0\0\
    \x08\x01g\0\x04ssau\0\0\0\0\0\0\0\
    \x07\0\0\0a.scope\0\x02\0\0\0/b\0\0\x04\0\0\0\x02\x01\0\0";

#[test]
fn attaches_a_process() {
    let fake = behind(|stream| {
        let mut peer = Peer::welcome(stream);
        let bytes = peer.next_bytes().unwrap();
        peer.answer(&Message::parse(&bytes).unwrap(), "", "");
        assert!(peer.next_bytes().is_none(), "nothing else is said");
        bytes
    });
    let mut systemd = fake.connect(false, PATIENCE).unwrap();
    systemd.attach("a.scope", "/b", 258).unwrap();
    drop(systemd);
    assert_eq!(fake.thread.join().unwrap(), ATTACH);
}

#[test]
fn an_attachment_may_be_refused() {
    let fake = starting(|peer, call| {
        let mut body = call.body("ssau").unwrap();
        match body.string().unwrap() {
            "a.scope" => {
                peer.refuse(call, "org.freedesktop.DBus.Error.UnixProcessIdUnknown", "No such process")
            }
            _ => peer.refuse(call, "org.freedesktop.systemd1.NoSuchUnit", "Unit b.scope not loaded."),
        }
    });
    let mut systemd = fake.connect(true, PATIENCE).unwrap();
    let refused = systemd.attach("a.scope", "/b", 1).unwrap_err();
    assert_eq!(refused.error_name(), Some("org.freedesktop.DBus.Error.UnixProcessIdUnknown"));
    let refused = systemd.attach("b.scope", "/b", 1).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "AttachProcessesToUnit b.scope: org.freedesktop.systemd1.NoSuchUnit: Unit b.scope not loaded."
    );
    drop(systemd);
    let log = fake.thread.join().unwrap();
    assert_eq!(log, ["Hello", "GetNameOwner", "AttachProcessesToUnit", "AttachProcessesToUnit"]);
}
