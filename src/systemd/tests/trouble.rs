//! Others that hang, talk nonsense or hang up: an error each time, and in time.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket};

use super::super::address::Route;
use super::super::refused::{Refused, Why};
use super::super::wire::Writer;
use super::super::{Instance, Systemd};
use super::Scratch;
use super::fake::{Fake, OWNER, PATIENCE, Peer, RETURN, behind, job_removed, message};
use proptest::prelude::*;

const SHORT: Duration = Duration::from_millis(150);

/// The only thing that came of the only way.
fn only(refused: Refused) -> Why {
    match refused.why {
        Why::Unreachable(mut all) if all.len() == 1 => all.pop().unwrap().why,
        other => other,
    }
}

fn in_time<T>(work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    assert!(start.elapsed() < SHORT * 20, "took {:?}", start.elapsed());
    result
}

/// Answers nothing any more once this is called.
fn falls_silent(member: &'static str) -> Fake<()> {
    behind(move |stream| {
        let mut peer = Peer::welcome(stream);
        while let Some(call) = peer.next() {
            if call.member == member {
                // Until the client is gone.
                while peer.next().is_some() {}
            } else {
                peer.answer(&call, "s", OWNER);
            }
        }
    })
}

fn read_to_the_end(mut stream: UnixStream) {
    let _ = stream.read_to_end(&mut Vec::new());
}

#[test]
fn silence_ends_at_the_deadline() {
    let fake = behind(read_to_the_end);
    let refused = in_time(|| fake.connect(true, SHORT).err().unwrap());
    assert!(matches!(only(refused), Why::Late(_)));
    for member in ["Hello", "GetNameOwner"] {
        let refused = in_time(|| falls_silent(member).connect(true, SHORT).err().unwrap());
        assert!(matches!(only(refused), Why::Late(_)), "{member}");
    }
    for member in ["AddMatch", "Subscribe", "StartTransientUnit"] {
        let mut systemd = falls_silent(member).connect(true, SHORT).unwrap();
        let refused = in_time(|| systemd.start_scope("a.scope", &[]).unwrap_err());
        assert!(matches!(refused.why, Why::Late(_)), "{member}: {refused}");
        assert!(refused.what.starts_with(member), "{member}: {refused}");
    }
    let mut systemd = falls_silent("AttachProcessesToUnit").connect(true, SHORT).unwrap();
    let refused = in_time(|| systemd.attach("a.scope", "/b", 1).unwrap_err());
    assert_eq!(refused.to_string(), "AttachProcessesToUnit a.scope: no answer within 150ms");
}

#[test]
fn a_job_without_end_ends_at_the_deadline() {
    let fake = behind(|stream| Peer::welcome(stream).serve(|peer, call| peer.answer(call, "o", "/job")));
    let mut systemd = fake.connect(true, SHORT).unwrap();
    let refused = in_time(|| systemd.start_scope("a.scope", &[]).unwrap_err());
    assert_eq!(refused.to_string(), "StartTransientUnit a.scope: no answer within 150ms");
}

#[test]
fn a_flood_ends_at_the_deadline() {
    let fake = behind(|stream| {
        let mut writer = stream.try_clone().unwrap();
        Peer::welcome(stream).serve(|_, _| {
            let flood = job_removed(OWNER, "/job", "a.scope", "done").repeat(500);
            while writer.write_all(&flood).is_ok() {}
        })
    });
    let mut systemd = fake.connect(false, SHORT).unwrap();
    let refused = in_time(|| systemd.start_scope("a.scope", &[]).unwrap_err());
    assert!(matches!(refused.why, Why::Late(_)), "{refused}");
}

#[test]
fn a_full_queue_ends_at_the_deadline() {
    let scratch = Scratch::new();
    let path = scratch.path().join("socket");
    let listener = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
    bind(listener.as_raw_fd(), &UnixAddr::new(&path).unwrap()).unwrap();
    listen(&listener, Backlog::new(0).unwrap()).unwrap();
    let _first_in_the_queue = UnixStream::connect(&path).unwrap();
    let refused = in_time(|| Systemd::by(&[Route::private(&path)], SHORT).err().unwrap());
    assert!(matches!(only(refused), Why::Late(_)));
}

#[test]
fn an_answer_that_is_late_is_not_the_next_ones() {
    let fake = behind(|stream| {
        let mut first = None;
        Peer::welcome(stream).serve(|peer, call| match first.take() {
            None => first = Some(call.serial),
            Some(serial) => {
                peer.write(&message(RETURN, &[], serial, "", Writer::default()));
                peer.refuse(call, "org.example.Second", "");
            }
        })
    });
    let mut systemd = fake.connect(false, SHORT).unwrap();
    assert!(matches!(systemd.attach("a.scope", "/b", 1).unwrap_err().why, Why::Late(_)));
    assert_eq!(systemd.attach("b.scope", "/b", 1).unwrap_err().error_name(), Some("org.example.Second"));
}

#[test]
fn nonsense_instead_of_authentication() {
    for (said, shown) in [
        (&b"REJECTED EXTERNAL\r\n"[..], "authentication was answered with \"REJECTED EXTERNAL\""),
        (b"DATA\r\nERROR \xff\r\n", "authentication was answered with \"ERROR \u{fffd}\""),
        (&[b'x'; 10_000], "an endless line instead of authentication"),
    ] {
        let fake = behind(move |mut stream| {
            let _ = stream.write_all(said);
            read_to_the_end(stream);
        });
        let refused = in_time(|| fake.connect(false, PATIENCE).err().unwrap());
        assert_eq!(only(refused).to_string(), shown);
    }
}

#[test]
fn nonsense_instead_of_an_answer() {
    for said in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"l\x02\0\x01\xff\xff\xff\x0f\x01\0\0\0\0\0\0\0"] {
        let fake = behind(move |stream| Peer::welcome(stream).serve(|peer, _| peer.write(said)));
        let mut systemd = fake.connect(false, PATIENCE).unwrap();
        assert!(matches!(systemd.attach("a.scope", "/b", 1).unwrap_err().why, Why::Malformed(_)));
        // Nobody knows where a next message would begin.
        let next = systemd.attach("a.scope", "/b", 1).unwrap_err().why;
        assert!(matches!(next, Why::Io(error) if error.kind() == ErrorKind::NotConnected));
    }
}

#[test]
fn others_may_hang_up() {
    let fake = behind(drop::<UnixStream>);
    let why = only(fake.connect(true, PATIENCE).err().unwrap());
    assert!(matches!(&why, Why::Io(_)), "{why}");

    let fake = behind(|stream| drop(Peer::welcome(stream)));
    let mut systemd = fake.connect(false, PATIENCE).unwrap();
    fake.thread.join().unwrap();
    let why = systemd.attach("a.scope", "/b", 1).unwrap_err().why;
    assert!(matches!(&why, Why::Io(error) if error.kind() == ErrorKind::BrokenPipe), "{why}");
}

#[test]
fn takes_the_first_way_that_leads_there() {
    let scratch = Scratch::new();
    let missing = Route::private(scratch.path().join("missing"));
    let hanging = behind(read_to_the_end);
    let without_systemd = behind(|stream| {
        let mut peer = Peer::welcome(stream);
        let hello = peer.next().unwrap();
        peer.answer(&hello, "s", ":1.2");
        let owner = peer.next().unwrap();
        peer.refuse(&owner, "org.freedesktop.DBus.Error.NameHasNoOwner", "no such name");
    });
    let good = behind(|stream| Peer::welcome(stream).serve(|peer, call| peer.answer(call, "o", "/job")));
    let unknown = Route { shown: "tcp:host=x".into(), address: None, bus: true };
    let routes = [unknown, missing, hanging.route(true), without_systemd.route(true), good.route(false)];
    let mut systemd = Systemd::by(&routes, Duration::from_secs(2)).unwrap();
    systemd.attach("a.scope", "/b", 1).unwrap();
}

#[test]
fn names_all_ways_that_led_nowhere() {
    let scratch = Scratch::new();
    let path = scratch.path().join("missing");
    let unknown = Route { shown: "tcp:host=x".into(), address: None, bus: true };
    let refused = Systemd::by(&[unknown, Route::private(&path)], PATIENCE).err().unwrap();
    assert_eq!(
        refused.to_string(),
        format!(
            "no way to systemd: connect to tcp:host=x: not an address of a Unix socket; connect to {}: No such file or \
             directory (os error 2)",
            path.display()
        )
    );
    assert!(matches!(Systemd::by(&[], PATIENCE).err().unwrap().why, Why::Unreachable(all) if all.is_empty()));
}

#[test]
fn patience_may_be_absurd() {
    let fake = behind(|stream| Peer::welcome(stream).serve(|peer, call| peer.answer(call, "o", "/job")));
    assert!(matches!(only(fake.connect(false, Duration::ZERO).err().unwrap()), Why::Late(_)));
    fake.connect(false, Duration::MAX).unwrap().attach("a.scope", "/b", 1).unwrap();
    // Whatever this machine has: no panic.
    let _ = Systemd::connect(Instance::User, SHORT);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_peer_is_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let fake = behind(move |stream| {
            let mut peer = Peer::welcome(stream);
            let _ = peer.next();
            peer.write(&bytes);
        });
        let mut systemd = fake.connect(false, PATIENCE).unwrap();
        prop_assert!(systemd.start_scope("a.scope", &[]).is_err());
    }
}
