//! What is said to systemd, and what is made of its answers.

use super::super::message::Message;
use super::super::refused::Why;
use super::super::value::Value;
use super::super::wire::{Reader, Writer};
use super::fake::{Fake, OWNER, PATIENCE, Peer, RETURN, behind, job_removed, message};

const JOB: &str = "/org/freedesktop/systemd1/job/9";
const UNIT: &str = "/org/freedesktop/systemd1/unit/a_2escope";

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
    fake.connect(false, PATIENCE).unwrap().stop("a.scope").unwrap();
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

fn properties(from: &mut Reader) -> Vec<(String, Value)> {
    from.array(8, |from| {
        from.align(8)?;
        Ok((from.string()?.to_owned(), Value::read_variant(from)?))
    })
    .unwrap()
}

#[test]
fn says_what_the_documentation_wants() {
    let fake = starting(|peer, call| {
        assert_eq!(call.interface, "org.freedesktop.systemd1.Manager");
        assert_eq!(call.path, "/org/freedesktop/systemd1");
        match call.member.as_str() {
            "StartTransientUnit" => {
                let mut body = call.body("ssa(sv)a(sa(sv))").unwrap();
                assert_eq!((body.string().unwrap(), body.string().unwrap()), ("a.scope", "fail"));
                assert_eq!(properties(&mut body), [("PIDs".into(), Value::U32s(vec![5]))]);
                assert!(
                    body.array(8, |_| -> Result<(), Why> { panic!("no auxiliary units") })
                        .unwrap()
                        .is_empty()
                );
                peer.answer(call, "o", JOB);
                peer.write(&job_removed(OWNER, JOB, "a.scope", "done"));
            }
            "SetUnitProperties" => {
                let mut body = call.body("sba(sv)").unwrap();
                assert_eq!((body.string().unwrap(), body.bool().unwrap()), ("a.scope", true));
                assert_eq!(properties(&mut body), [("TasksMax".into(), Value::U64(3))]);
                peer.answer(call, "", "");
            }
            "StopUnit" => {
                let mut body = call.body("ss").unwrap();
                assert_eq!((body.string().unwrap(), body.string().unwrap()), ("a.scope", "replace"));
                peer.answer(call, "o", JOB);
            }
            other => panic!("{other}"),
        }
    });
    let mut systemd = fake.connect(false, PATIENCE).unwrap();
    systemd.start_scope("a.scope", &[("PIDs", Value::U32s(vec![5]))]).unwrap();
    systemd.set_properties("a.scope", &[("TasksMax", Value::U64(3))]).unwrap();
    systemd.stop("a.scope").unwrap();
    drop(systemd);
    fake.thread.join().unwrap();
}

#[test]
fn finds_the_control_group() {
    let fake = starting(|peer, call| match call.member.as_str() {
        "GetUnit" => peer.answer(call, "o", UNIT),
        "Get" => {
            assert_eq!(
                (call.path.as_str(), call.interface.as_str()),
                (UNIT, "org.freedesktop.DBus.Properties")
            );
            let mut from = call.body("ss").unwrap();
            let asked = (from.string().unwrap(), from.string().unwrap());
            assert_eq!(asked, ("org.freedesktop.systemd1.Scope", "ControlGroup"));
            let mut body = Writer::default();
            Value::Str("/user.slice/a.scope".into()).write_variant(&mut body);
            peer.write(&message(RETURN, &[(7, "s", OWNER)], call.serial, "v", body));
        }
        other => panic!("{other}"),
    });
    let mut systemd = fake.connect(false, PATIENCE).unwrap();
    assert_eq!(systemd.control_group("a.scope").unwrap(), "/user.slice/a.scope");
    drop(systemd);
    fake.thread.join().unwrap();
}
