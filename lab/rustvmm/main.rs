// SPDX-License-Identifier: GPL-2.0-or-later
//
// main.rs - a front end made of rust-vmm's vhost crate, which Cloud Hypervisor and others use
//
// In:    the path of a device's socket.
// Out:   a line per step, "done" at the end; a panic where the device did not do as it should.
//
// It has the memory of a guest of 16 MiB and plays its driver: one buffer of PFNs at a time. It
// sends whole memory tables, where QEMU adds region by region.
use std::io::Error;
use std::os::fd::AsRawFd;
use std::sync::atomic::{fence, AtomicU32, Ordering};
use std::sync::Arc;

use vhost::vhost_user::message::{VhostUserConfigFlags, VhostUserProtocolFeatures};
use vhost::vhost_user::{Frontend, FrontendReqHandler, HandlerResult, VhostUserFrontend};
use vhost::vhost_user::VhostUserFrontendReqHandler;
use vhost::{VhostBackend, VhostUserMemoryRegionInfo, VringConfigData};
use vmm_sys_util::eventfd::EventFd;

const RAM: usize = 16 << 20;
const GPA: u64 = 1 << 20;
const RINGS: usize = 4;
const NUM: u16 = 8;
const RING_SPAN: usize = 4096; // descriptors, available ring at 1024, used ring at 2048
const BUFFER: usize = 64 << 10;
const FREE: usize = 1 << 20; // pages from here on are for the balloon
const DEADLINE_MS: i32 = 10_000;
const INFLATE: usize = 0;
const DEFLATE: usize = 1;
const F_REQUIRED: u64 = 1 << 1 | 1 << 4 | 1 << 5 | 1 << 51 | 1 << 32;
const F_PROTOCOL: u64 = 1 << 30;

struct Channel {
    changes: AtomicU32,
}

impl VhostUserFrontendReqHandler for Channel {
    fn handle_config_change(&self) -> HandlerResult<u64> {
        self.changes.fetch_add(1, Ordering::SeqCst);
        Ok(0)
    }
}

struct Guest {
    fd: i32,
    mem: *mut u8,
    kick: Vec<EventFd>,
    call: Vec<EventFd>,
    offered: [u16; RINGS],
}

impl Guest {
    fn new() -> Guest {
        let new = || EventFd::new(libc::EFD_NONBLOCK).unwrap();
        unsafe {
            let fd = libc::memfd_create(c"guest".as_ptr(), 0);
            assert!(fd >= 0 && libc::ftruncate(fd, RAM as i64) == 0);
            let prot = libc::PROT_READ | libc::PROT_WRITE;
            let mem = libc::mmap(std::ptr::null_mut(), RAM, prot, libc::MAP_SHARED, fd, 0);
            assert!(mem != libc::MAP_FAILED);
            let (kick, call) = (0..RINGS).map(|_| (new(), new())).unzip();
            Guest { fd, mem: mem as *mut u8, kick, call, offered: [0; RINGS] }
        }
    }

    fn put<T>(&self, at: usize, value: T) {
        unsafe { (self.mem.add(at) as *mut T).write_volatile(value) }
    }

    fn get<T: Copy>(&self, at: usize) -> T {
        unsafe { (self.mem.add(at) as *const T).read_volatile() }
    }

    fn used(&self, ring: usize) -> u16 {
        self.get(ring * RING_SPAN + 2048 + 2)
    }

    fn touch(&self, first: usize, n: usize) {
        (0..n).for_each(|i| self.put::<u64>(FREE + (first + i) * 4096, 7));
    }

    fn is_zero(&self, page: usize) -> bool {
        self.get::<u64>(FREE + page * 4096) == 0
    }

    // PFNs downwards, as Linux sends them; waits until they have come back.
    fn send(&mut self, ring: usize, first: usize, n: usize) {
        let (base, seq) = (ring * RING_SPAN, self.offered[ring]);
        for i in 0..n {
            let pfn = (GPA as usize + FREE) / 4096 + first + n - 1 - i;
            self.put::<u32>(BUFFER + i * 4, pfn as u32);
        }
        self.put::<u64>(base, GPA + BUFFER as u64);
        self.put::<u32>(base + 8, n as u32 * 4);
        self.put::<u32>(base + 12, 0);
        self.put::<u16>(base + 1024 + 4 + (seq % NUM) as usize * 2, 0);
        fence(Ordering::SeqCst);
        self.offered[ring] = seq.wrapping_add(1);
        self.put::<u16>(base + 1024 + 2, self.offered[ring]);
        self.kick[ring].write(1).unwrap();
        while self.used(ring) != self.offered[ring] {
            wait(self.call[ring].as_raw_fd());
            let _ = self.call[ring].read();
        }
    }
}

fn wait(fd: i32) {
    let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let n = unsafe { libc::poll(&mut poll, 1, DEADLINE_MS) };
    assert_eq!(n, 1, "nothing came: {}", Error::last_os_error());
}

fn start(front: &mut Frontend, guest: &Guest) {
    let user = guest.mem as u64;
    front
        .set_mem_table(&[VhostUserMemoryRegionInfo {
            guest_phys_addr: GPA,
            memory_size: RAM as u64,
            userspace_addr: user,
            mmap_offset: 0,
            mmap_handle: guest.fd,
        }])
        .unwrap();
    for ring in 0..RINGS {
        let base = user + (ring * RING_SPAN) as u64;
        front.set_vring_num(ring, NUM).unwrap();
        front.set_vring_base(ring, guest.used(ring)).unwrap();
        let config = VringConfigData {
            queue_max_size: NUM,
            queue_size: NUM,
            flags: 0,
            desc_table_addr: base,
            used_ring_addr: base + 2048,
            avail_ring_addr: base + 1024,
            log_addr: None,
        };
        front.set_vring_addr(ring, &config).unwrap();
        front.set_vring_call(ring, &guest.call[ring]).unwrap();
        front.set_vring_kick(ring, &guest.kick[ring]).unwrap();
        front.set_vring_enable(ring, true).unwrap();
    }
}

fn stop(front: &mut Frontend, guest: &Guest) {
    for ring in 0..RINGS {
        front.set_vring_enable(ring, false).unwrap();
        let base = front.get_vring_base(ring).unwrap();
        assert_eq!(base, u32::from(guest.used(ring)), "ring {ring}");
    }
}

fn target(front: &mut Frontend) -> u32 {
    let (_, bytes) = front.get_config(0, 32, VhostUserConfigFlags::WRITABLE, &[0; 32]).unwrap();
    u32::from_le_bytes(bytes[..4].try_into().unwrap())
}

fn main() {
    let path = std::env::args().nth(1).expect("usage: front SOCKET");
    let mut front = Frontend::connect(path, RINGS as u64).unwrap();
    let mut guest = Guest::new();

    front.set_owner().unwrap();
    let features = front.get_features().unwrap();
    assert_eq!(features & F_REQUIRED, F_REQUIRED, "{features:#x}");
    assert_ne!(features & F_PROTOCOL, 0);
    front.set_features(F_REQUIRED | F_PROTOCOL).unwrap();
    let wanted = VhostUserProtocolFeatures::MQ
        | VhostUserProtocolFeatures::REPLY_ACK
        | VhostUserProtocolFeatures::BACKEND_REQ
        | VhostUserProtocolFeatures::CONFIG;
    assert!(front.get_protocol_features().unwrap().contains(wanted));
    front.set_protocol_features(wanted).unwrap();
    front.set_hdr_flags(vhost::vhost_user::message::VhostUserHeaderFlag::NEED_REPLY);
    assert!(front.get_queue_num().unwrap() >= RINGS as u64);
    let channel = Arc::new(Channel { changes: AtomicU32::new(0) });
    let mut handler = FrontendReqHandler::new(channel.clone()).unwrap();
    front.set_backend_request_fd(&handler.get_tx_raw_fd()).unwrap();
    println!("negotiated {:#x}", features);

    start(&mut front, &guest);
    guest.touch(0, 300);
    guest.send(INFLATE, 0, 256);
    assert!(guest.is_zero(0) && guest.is_zero(255) && !guest.is_zero(256));
    println!("inflated");

    while target(&mut front) == 0 {
        wait(handler.as_raw_fd());
        handler.handle_request().unwrap();
    }
    assert!(channel.changes.load(Ordering::SeqCst) > 0);
    let pages = target(&mut front);
    front.set_config(4, VhostUserConfigFlags::WRITABLE, &pages.to_le_bytes()).unwrap();
    println!("target {pages}");

    stop(&mut front, &guest);
    start(&mut front, &guest);
    guest.touch(256, 256);
    guest.send(INFLATE, 256, 256);
    assert!(guest.is_zero(256) && guest.is_zero(511));
    guest.send(DEFLATE, 0, 512);
    guest.touch(0, 512);
    assert!(!guest.is_zero(0) && !guest.is_zero(511));
    stop(&mut front, &guest);
    println!("done");
}
