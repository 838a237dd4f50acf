#!/usr/bin/env python3
"""SIP server bench driver: SIPp for signalling, rtpload for RTP; measures CPU/RSS of given PIDs from /proc.
Works against any SIP server (host:port, users and passwords are parameters). Prints one JSON line per run.

 bench.py reg      --server 127.0.0.1:5060 --pid P --users 2000-2099 --password secret --rate 200 --secs 10
 bench.py calls    ... --caller 1000 --callee 1001 --rate 50 --secs 20 --hold 1000        (signalling only)
 bench.py capacity ... --rates 50,100,150 --secs 20                                      (highest with 0 failures)
 bench.py media    ... --n 100 --secs 20                                                 (N calls, RTP both ways)
 bench.py ivr      ... --service 3000 --rate 5 --secs 20 --listen 2000 --digits 1234
 bench.py startup  --server .. --cmd "asterisk -f ..."                                   (time to first SIP answer)
Common: --cpu-pbx 0 --cpu-gen 1 pins; --label NAME --out results.jsonl; --domain d; --no-auth is not needed (401/407 optional).
"""

import argparse, resource, os, sys, time, json, subprocess, signal, socket, csv, glob, tempfile, random, re

HERE = os.path.dirname(os.path.abspath(__file__))
SC = HERE + "/scenarios"
TCK = os.sysconf("SC_CLK_TCK")


def children(pid):
    out = []
    for p in os.listdir("/proc"):
        if p.isdigit():
            try:
                f = open(f"/proc/{p}/stat").read()
                ppid = int(f[f.rindex(")") + 2 :].split()[1])
            except Exception:
                continue
            if ppid == pid:
                out.append(int(p))
                out += children(int(p))
    return out


def allpids(a):
    r = []
    for p in a.pid.split(","):
        p = int(p)
        r.append(p)
        if a.tree:
            r += children(p)
    return r


def cpu1(pid):
    f = open(f"/proc/{pid}/stat").read()
    f = f[f.rindex(")") + 2 :].split()
    return (int(f[11]) + int(f[12])) / TCK, int(f[12]) / TCK


def cpu(pids):
    u = s = 0
    for p in pids:
        try:
            x, y = cpu1(p)
            u += x
            s += y
        except FileNotFoundError:
            pass
    return u, s


def rss_kb(pids):
    t = 0
    for p in pids:
        try:
            k = "Rss" if len(pids) == 1 else "Pss"
            for l in open(f"/proc/{p}/smaps_rollup"):
                if l.startswith(k + ":"):
                    t += int(l.split()[1])
        except FileNotFoundError:
            pass
    return t


def fds(pids):
    n = 0
    for p in pids:
        try:
            n += len(os.listdir(f"/proc/{p}/fd"))
        except Exception:
            pass
    return n


def nthreads(pids):
    n = 0
    for p in pids:
        try:
            n += len(os.listdir(f"/proc/{p}/task"))
        except Exception:
            pass
    return n


def sysbusy():
    # CPU seconds of all live processes (exact run times; the tick-sampled /proc/stat misses short bursts).
    # Processes that end inside an interval are counted through their parents' cutime/cstime.
    t = 0
    for p in os.listdir("/proc"):
        if p.isdigit():
            try:
                f = open(f"/proc/{p}/stat").read()
                f = f[f.rindex(")") + 2 :].split()
                t += sum(map(int, f[11:15]))
            except Exception:
                pass
    return t / TCK


def kids():
    r = resource.getrusage(resource.RUSAGE_CHILDREN)
    return r.ru_utime + r.ru_stime


def udp_errs():
    ls = [l.split() for l in open("/proc/net/snmp") if l.startswith("Udp:")]
    d = dict(zip(ls[0][1:], map(int, ls[1][1:])))
    return d["RcvbufErrors"], d["SndbufErrors"]


def pin(a, which):
    c = a.cpu_gen if which == "gen" else a.cpu_pbx
    return ["taskset", "-c", str(c)] if c is not None else []


def pin_pbx(a):
    for p in allpids(a):
        c = a.cpu_pbx if a.cpu_pbx is not None else "0-%d" % (os.cpu_count() - 1)
        subprocess.run(
            ["taskset", "-a", "-p", "-c", str(c), str(p)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def stats(fn):
    try:
        rows = list(csv.reader(open(fn), delimiter=";"))
        h, l = rows[0], rows[-1]
        d = dict(zip(h, l))
    except Exception:
        return {}

    def g(k):
        try:
            return float(d[k])
        except Exception:
            return 0

    def ms(k):
        v = d.get(k, "0:0:0")
        v = v.split(":")
        try:
            return (int(v[0]) * 3600 + int(v[1]) * 60 + float(v[2])) * 1000 + (
                float(v[3]) / 1000 if len(v) > 3 else 0
            )
        except Exception:
            return 0

    return dict(
        ok=int(g("SuccessfulCall(C)")),
        fail=int(g("FailedCall(C)")),
        retrans=int(g("Retransmissions(C)")),
        dead=int(g("DeadCallMsgs(C)")),
        unexp=int(g("FailedUnexpectedMessage(C)")),
        rt1_ms=ms("ResponseTime1(C)"),
        rt2_ms=ms("ResponseTime2(C)"),
    )


def sipp(a, sc, tmp, tag, port, extra, log=False, wait=True):
    st = f"{tmp}/{tag}.csv"
    cmd = (
        pin(a, "gen")
        + [
            "sipp",
            a.server,
            "-sf",
            f"{SC}/{sc}",
            "-i",
            a.local_ip,
            "-p",
            str(port),
            "-nostdin",
            "-trace_stat",
            "-stf",
            st,
            "-fd",
            "1",
            "-max_socket",
            "5000",
            "-recv_timeout",
            str(a.recv_timeout),
            "-default_behaviors",
            "all,-bye",
            "-trace_err",
            "-error_file",
            f"{tmp}/{tag}.err",
            "-t",
            "u1" if a.transport == "udp" else "t1",
            "-buff_size",
            "4194304",
            "-timeout_global" if False else "-timer_resol",
            "5",
        ]
        + ["-key", "domain", a.domain]
        + extra
    )
    if log:
        cmd += ["-trace_logs", "-log_file", f"{tmp}/{tag}.ctl"]
    p = subprocess.Popen(cmd, cwd=tmp, stdout=open(f"{tmp}/{tag}.out", "w"), stderr=subprocess.STDOUT)
    return p, st


def stop(p, sig=signal.SIGTERM, t=5):
    if p and p.poll() is None:
        p.send_signal(sig)
        try:
            p.wait(t)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()


def users(spec):
    o = []
    for part in spec.split(","):
        if "-" in part:
            x, y = part.split("-")
            o += [str(i) for i in range(int(x), int(y) + 1)]
        else:
            o.append(part)
    return o


def reg_csv(a, tmp, us, contact, pw, name="reg.csv"):
    fn = f"{tmp}/{name}"
    with open(fn, "w") as f:
        f.write("SEQUENTIAL\n")
        for u in us:
            f.write(f"{u};[authentication username={u} password={pw}];{contact}\n")
    return fn


def register(a, tmp, user, pw, port, expires=3600):
    fn = reg_csv(a, tmp, [user], f"{a.local_ip}:{port}", pw, f"r{user}.csv")
    p, st = sipp(
        a, "register.xml", tmp, f"reg{user}", port, ["-inf", fn, "-m", "1", "-key", "expires", str(expires)]
    )
    try:
        p.wait(10)
    except subprocess.TimeoutExpired:
        stop(p)
    return p.returncode == 0


def measure_idle(a, secs=3):
    p = allpids(a)
    c0 = cpu(p)[0]
    time.sleep(secs)
    return (cpu(allpids(a))[0] - c0) / secs


def wait_quiet(a):
    """wait until the rest of the machine is idle (other people's work would spoil the numbers)"""
    if a.quiet <= 0:
        return
    t0 = time.time()
    while time.time() - t0 < a.quiet_timeout:
        b0, c0 = sysbusy(), cpu(allpids(a))[0]
        time.sleep(2)
        f = (sysbusy() - b0 - (cpu(allpids(a))[0] - c0)) / 2
        if f <= a.quiet:
            return


def out(a, d):
    d = dict(label=a.label, tag=a.tag, t=time.strftime("%H:%M:%S"), test=a.cmdname, **d)
    s = json.dumps(d)
    print(s, flush=True)
    if a.out:
        open(a.out, "a").write(s + "\n")


def do_reg(a, tmp):
    us = users(a.users)
    fn = reg_csv(a, tmp, us, f"{a.local_ip}:{a.port_a}", a.password)
    n = int(a.rate * a.secs)
    idle = measure_idle(a)
    pids = allpids(a)
    k0 = kids()
    c0, s0 = cpu(pids)
    b0 = sysbusy()
    t0 = time.time()
    p, st = sipp(
        a,
        "register.xml",
        tmp,
        "reg",
        a.port_a,
        ["-inf", fn, "-r", str(a.rate), "-m", str(n), "-key", "expires", "3600"],
    )
    try:
        p.wait(a.secs * 3 + 20)
    except subprocess.TimeoutExpired:
        stop(p)
    dt = time.time() - t0
    c1, s1 = cpu(pids)
    r = stats(st)
    ok = r.get("ok", 0)
    out(
        a,
        dict(
            rate=a.rate,
            secs=round(dt, 2),
            idle_cpu=round(idle, 4),
            cpu_s=round(c1 - c0, 3),
            us_per_reg=round(1e6 * ((c1 - c0) - idle * dt) / max(ok, 1), 1),
            sys_share=round((s1 - s0) / max(c1 - c0, 1e-9), 2),
            gen_s=round(kids() - k0, 2),
            foreign_cores=round(max(0, sysbusy() - b0 - (c1 - c0) - (kids() - k0)) / dt, 2),
            achieved=round(ok / dt, 1),
            **r,
        ),
    )
    return r


def run_calls(a, tmp, rate, secs, hold, tag="c"):
    n = int(rate * secs)
    fin = 0
    bs, bst = sipp(a, "uas_call.xml", tmp, tag + "B", a.port_b, ["-key", "mport", str(a.mport + 2)])
    time.sleep(0.3)
    pids = allpids(a)
    k0 = kids()
    c0, s0 = cpu(pids)
    b0 = sysbusy()
    e0 = udp_errs()
    t0 = time.time()
    p, st = sipp(
        a,
        "uac_call.xml",
        tmp,
        tag + "A",
        a.port_a,
        [
            "-s",
            a.dial or a.callee,
            "-key",
            "caller",
            a.caller,
            "-au",
            a.caller,
            "-ap",
            a.password,
            "-key",
            "mport",
            str(a.mport),
            "-r",
            str(rate),
            "-m",
            str(n),
            "-l",
            "6000",
            "-d",
            str(hold),
        ],
    )
    peak = 0
    lim = t0 + secs * 2.5 + hold / 1000 + 15
    while p.poll() is None and time.time() < lim:
        time.sleep(0.25)
    if p.poll() is None:
        stop(p)
        fin = 1
    dt = time.time() - t0
    c1, s1 = cpu(pids)
    e1 = udp_errs()
    b1 = sysbusy()
    time.sleep(0.5)
    stop(bs, signal.SIGUSR1, 3)
    r = stats(st)
    rb = stats(bst)
    r.update(
        gen_s=round(kids() - k0, 2),
        foreign_cores=round(max(0, (b1 - b0) - (c1 - c0) - (kids() - k0)) / dt, 2),
        wall=round(dt, 2),
        cpu_s=c1 - c0,
        sys_s=s1 - s0,
        sysbusy_s=round(b1 - b0, 2),
        stuck=fin,
        udp_rcvbuf_err=e1[0] - e0[0],
        b_ok=rb.get("ok", 0),
        b_fail=rb.get("fail", 0),
        b_retrans=rb.get("retrans", 0),
    )
    return r, n


def reg_b(a, tmp):
    if a.no_register:
        return
    for u, port in ((a.caller, a.port_a), (a.callee, a.port_b)):
        if not register(a, tmp, u, a.password, port):
            print("WARNING: register failed for", u, "see", tmp, file=sys.stderr)


def do_calls(a, tmp):
    reg_b(a, tmp)
    idle = measure_idle(a)
    r, n = run_calls(a, tmp, a.rate, a.secs, a.hold)
    ok = max(r.get("ok", 0), 1)
    c = r.pop("cpu_s")
    s = r.pop("sys_s")
    out(
        a,
        dict(
            rate=a.rate,
            hold=a.hold,
            n=n,
            idle_cpu=round(idle, 4),
            cpu_s=round(c, 2),
            ms_per_call=round(1000 * (c - idle * r["wall"]) / ok, 3),
            sys_share=round(s / max(c, 1e-9), 2),
            rss_kb=rss_kb(allpids(a)),
            **r,
        ),
    )
    return r


def do_capacity(a, tmp):
    reg_b(a, tmp)
    pin_pbx(a)
    best = 0
    log = []
    for rate in [float(x) for x in a.rates.split(",")]:
        for attempt in range(2):
            r, n = run_calls(a, tmp, rate, a.secs, a.hold, f"k{int(rate)}_{attempt}")
            good = (
                r.get("ok", 0) == n
                and r.get("fail", 0) == 0
                and not r["stuck"]
                and r["retrans"] + r["b_retrans"] <= n * 0.01
                and r["wall"] < a.secs * 1.15 + a.hold / 1000 + 2
            )
            log.append(
                dict(
                    rate=rate,
                    good=good,
                    ok=r.get("ok"),
                    n=n,
                    fail=r.get("fail"),
                    foreign=r.get("foreign_cores"),
                    gen_s=r.get("gen_s"),
                    retrans=r.get("retrans"),
                    b_retrans=r.get("b_retrans"),
                    wall=r["wall"],
                    rt1=round(r.get("rt1_ms", 0), 1),
                    cpu_s=round(r["cpu_s"], 2),
                    rcvbuf=r["udp_rcvbuf_err"],
                )
            )
            print(log[-1], file=sys.stderr, flush=True)
            time.sleep(2)
            if good:
                break
        if good:
            best = rate
        else:
            break
        time.sleep(1)
    out(a, dict(best_cps=best, pinned=a.cpu_pbx, steps=log))


def do_media(a, tmp):
    reg_b(a, tmp)
    idle = measure_idle(a)
    pids = allpids(a)
    rss0 = rss_kb(pids)
    fd0 = fds(pids)
    th0 = nthreads(pids)
    A, B, J = f"{tmp}/mA.ctl", f"{tmp}/mB.ctl", f"{tmp}/rtp.json"
    open(A, "w").close()
    open(B, "w").close()
    rl = subprocess.Popen(
        pin(a, "gen")
        + (["chrt", "-f", "5"] if a.rt else [])
        + [
            HERE + "/rtpload",
            "-a",
            f"{a.local_ip}:{a.mport}",
            "-b",
            f"{a.local_ip}:{a.mport+2}",
            "-A",
            A,
            "-B",
            B,
            "-o",
            J,
        ]
    )
    time.sleep(0.2)
    ramp = a.n / a.ramp
    hold = ramp + a.settle + a.secs + 4
    a.recv_timeout = max(a.recv_timeout, int((hold + ramp + 30) * 1000))
    bs, bst = sipp(a, "uas_call.xml", tmp, "mB", a.port_b, ["-key", "mport", str(a.mport + 2)], log=True)
    time.sleep(0.3)
    p, st = sipp(
        a,
        "uac_call.xml",
        tmp,
        "mA",
        a.port_a,
        [
            "-s",
            a.dial or a.callee,
            "-key",
            "caller",
            a.caller,
            "-au",
            a.caller,
            "-ap",
            a.password,
            "-key",
            "mport",
            str(a.mport),
            "-r",
            str(a.ramp),
            "-m",
            str(a.n),
            "-l",
            str(a.n),
            "-d",
            str(int(hold * 1000)),
        ],
        log=True,
    )
    time.sleep(ramp + a.settle)
    pids = allpids(a)
    rl.send_signal(signal.SIGUSR1)
    c0, s0 = cpu(pids)
    g0 = cpu([rl.pid])[0]
    b0 = sysbusy()
    e0 = udp_errs()
    t0 = time.time()
    time.sleep(a.secs)
    c1, s1 = cpu(pids)
    g1 = cpu([rl.pid])[0]
    b1 = sysbusy()
    e1 = udp_errs()
    dt = time.time() - t0
    rss1 = rss_kb(pids)
    fd1 = fds(pids)
    th1 = nthreads(pids)
    rl.send_signal(signal.SIGUSR1)
    try:
        p.wait(hold + 30)
    except subprocess.TimeoutExpired:
        stop(p)
    time.sleep(1)
    stop(rl)
    stop(bs, signal.SIGUSR1, 3)
    time.sleep(a.after)
    rss2 = rss_kb(allpids(a))
    j = json.load(open(J))
    e = j["epochs"][1] if len(j["epochs"]) > 1 else {}
    r = stats(st)
    core = (c1 - c0) / dt
    pk = e.get("recv", 0) or 1
    out(
        a,
        dict(
            n=a.n,
            ok=r.get("ok"),
            fail=r.get("fail"),
            idle_cpu=round(idle, 4),
            cores=round(core, 3),
            pct_core_per_call=round(100 * (core - idle) / a.n, 4),
            us_per_pkt=round(1e6 * (c1 - c0 - idle * dt) / pk, 2),
            sys_share=round((s1 - s0) / max(c1 - c0, 1e-9), 2),
            gen_cores=round((g1 - g0) / dt, 3),
            foreign_cores=round(max(0, ((b1 - b0) - (c1 - c0) - (g1 - g0)) / dt), 3),
            sysbusy_cores=round((b1 - b0) / dt, 3),
            rcvbuf_err=e1[0] - e0[0],
            rss_idle_kb=rss0,
            rss_kb=rss1,
            rss_after_kb=rss2,
            kb_per_call=round((rss1 - rss0) / a.n, 1),
            fds_per_call=round((fd1 - fd0) / a.n, 2),
            threads_per_call=round((th1 - th0) / a.n, 2),
            sent=e.get("sent"),
            recv=e.get("recv"),
            loss_pct=e.get("loss_pct"),
            dup=e.get("dup"),
            reorder=e.get("reorder"),
            lat_mean_us=e.get("lat_mean_us"),
            lat_p50_us=e.get("lat_p50_us"),
            lat_p99_us=e.get("lat_p99_us"),
            lat_p999_us=e.get("lat_p999_us"),
            lat_max_us=e.get("lat_max_us"),
            late20ms=e.get("late20ms"),
            jit_mean_us=e.get("jit_mean_us"),
            rx_other=j["rx_other"],
            late_ticks=j["late_ticks"],
        ),
    )


def do_ivr(a, tmp):
    reg_b(a, tmp)
    idle = measure_idle(a)
    A, J = f"{tmp}/iA.ctl", f"{tmp}/rtp.json"
    open(A, "w").close()
    rl = subprocess.Popen(
        pin(a, "gen")
        + (["chrt", "-f", "5"] if a.rt else [])
        + [
            HERE + "/rtpload",
            "-a",
            f"{a.local_ip}:{a.mport}",
            "-b",
            f"{a.local_ip}:{a.mport+2}",
            "-A",
            A,
            "-o",
            J,
        ]
    )
    time.sleep(0.2)
    n = int(a.rate * a.secs)
    pids = allpids(a)
    k0 = kids()
    b0 = sysbusy()
    c0, s0 = cpu(pids)
    t0 = time.time()
    p, st = sipp(
        a,
        "uac_ivr.xml",
        tmp,
        "iA",
        a.port_a,
        [
            "-s",
            a.service,
            "-key",
            "caller",
            a.caller,
            "-au",
            a.caller,
            "-ap",
            a.password,
            "-key",
            "mport",
            str(a.mport),
            "-key",
            "digits",
            a.digits,
            "-r",
            str(a.rate),
            "-m",
            str(n),
            "-l",
            "6000",
            "-d",
            str(a.listen),
        ],
        log=True,
    )
    try:
        p.wait(a.secs * 2 + 40)
    except subprocess.TimeoutExpired:
        stop(p)
    dt = time.time() - t0
    c1, s1 = cpu(pids)
    b1 = sysbusy()
    stop(rl)
    fc = max(0, (b1 - b0) - (c1 - c0) - (kids() - k0)) / dt
    j = json.load(open(J))
    r = stats(st)
    ok = max(r.get("ok", 0), 1)
    out(
        a,
        dict(
            rate=a.rate,
            n=n,
            wall=round(dt, 2),
            idle_cpu=round(idle, 4),
            cpu_s=round(c1 - c0, 2),
            ms_per_ivr_call=round(1000 * ((c1 - c0) - idle * dt) / ok, 2),
            sys_share=round((s1 - s0) / max(c1 - c0, 1e-9), 2),
            prompt_pkts_per_call=round(j["rx_total"] / ok, 1),
            dtmf_pkts=j["dtmf_pkts"],
            foreign_cores=round(fc, 2),
            **r,
        ),
    )


def do_startup(a, tmp):
    host, port = a.server.split(":")
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((a.local_ip, 0))
    s.setblocking(False)
    lp = s.getsockname()[1]
    t0 = time.time()
    p = subprocess.Popen(
        a.cmd, shell=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=os.setsid
    )
    got = None
    k = 0
    while time.time() - t0 < 60 and got is None:
        k += 1
        try:
            s.sendto(
                f"{a.probe} sip:{a.domain} SIP/2.0\r\nVia: SIP/2.0/UDP {a.local_ip}:{lp};branch=z9hG4bK{k}{random.random()}\r\nMax-Forwards: 70\r\nFrom: <sip:{a.caller}@{a.domain}>;tag=s{k}\r\nTo: <sip:{a.caller}@{a.domain}>\r\nCall-ID: st{k}{random.random()}\r\nCSeq: 1 {a.probe}\r\nContact: <sip:x@{a.local_ip}:{lp}>\r\nContent-Length: 0\r\n\r\n".encode(),
                (host, int(port)),
            )
        except OSError:
            pass
        te = time.time() + 0.01
        while time.time() < te:
            try:
                got = s.recv(4096)
                break
            except OSError:
                time.sleep(0.001)
    out(
        a,
        dict(
            start_ms=round((time.time() - t0) * 1000, 1),
            answer=(got or b"").split(b"\r\n")[0].decode(),
            pid=p.pid,
        ),
    )


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("cmdname", choices=["reg", "calls", "capacity", "media", "ivr", "startup"])
    A = ap.add_argument
    A("--server", default="127.0.0.1:5060")
    A("--domain")
    A("--pid", default="0")
    A("--tree", action="store_true", help="include child processes")
    A("--local-ip", default="127.0.0.1")
    A("--transport", default="udp")
    A("--caller", default="1000")
    A("--callee", default="1001")
    A("--dial", help="number dialled if it differs from the registered callee")
    A("--tag", default="")
    A("--password", default="secret")
    A("--users", default="2000-2099")
    A("--service", default="3000")
    A("--port-a", type=int, default=5071)
    A("--port-b", type=int, default=5072)
    A("--mport", type=int, default=30000)
    A("--rate", type=float, default=50)
    A("--rates", default="25,50,100,150,200,250,300")
    A("--secs", type=float, default=20)
    A("--hold", type=int, default=1000)
    A("--n", type=int, default=100)
    A("--ramp", type=float, default=25)
    A("--settle", type=float, default=5)
    A("--after", type=float, default=0)
    A("--listen", type=int, default=2000)
    A("--digits", default="1234")
    A("--cpu-pbx")
    A("--cpu-gen")
    A("--label", default="")
    A("--out")
    A("--cmd")
    A("--no-register", action="store_true")
    A("--keep", action="store_true")
    A("--quiet", type=float, default=0, help="wait until other processes use less than this many cores")
    A("--quiet-timeout", type=float, default=60)
    A(
        "--probe",
        default="OPTIONS",
        help="method of the start-up probe (REGISTER for servers that do not answer OPTIONS)",
    )
    A(
        "--rt",
        action="store_true",
        help="run rtpload SCHED_FIFO so that a loaded server cannot slow the generator",
    )
    A("--nice", type=int, default=0)
    A("--recv-timeout", type=int, default=20000)
    a = ap.parse_args()
    a.domain = a.domain or a.server.split(":")[0]
    tmp = tempfile.mkdtemp(prefix="bench_")
    if a.cpu_pbx is not None and a.cmdname != "startup":
        pin_pbx(a)
    if a.nice:
        os.setpriority(os.PRIO_PROCESS, 0, a.nice)
    if a.cmdname != "startup":
        wait_quiet(a)
    globals()["do_" + a.cmdname](a, tmp)
    errs = "".join(open(f, errors="replace").read() for f in glob.glob(tmp + "/*.err"))
    if not a.keep and "bort" not in errs:
        subprocess.run(["rm", "-rf", tmp])


main()
