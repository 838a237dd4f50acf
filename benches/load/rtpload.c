// rtpload: efficient RTP G.711 load generator + receiver for many calls, one UDP socket per side.
// One thread, 1 ms ticks; streams spread over the 20 ms frame; sendmmsg/recvmmsg; kernel receive timestamps.
// Streams are added/removed by lines appended to control files (SIPp -trace_logs):
//   START ip port | STOP ip port | DTMF ip port digits
// Signals: SIGUSR1 = next measurement epoch (0 ramp, 1 measure, 2 after ...), SIGTERM = write stats JSON and
// exit. usage: rtpload -a 127.0.0.1:30000 -b 127.0.0.1:30002 -A ctlA.log -B ctlB.log -o stats.json
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#define NSLOT 20
#define MAXS 16384
#define BATCH 128
#define NEP 8
#define HB 4096 /* histogram: 50us buckets */
typedef struct {
    int used, side;
    struct sockaddr_in to;
    uint16_t seq;
    uint32_t ts, ssrc, n;
    char digits[32];
    int dpos, dstep;
    uint32_t dts; // rfc4733 state
} stream;
static stream S[MAXS];
static int slotlist[NSLOT][MAXS], slotn[NSLOT];
typedef struct {
    int64_t last_d;
    int have;
    double j;
    uint32_t lastn;
} rxs;
static rxs R[MAXS];
static uint64_t sent[NEP], rcv[NEP], dup_[NEP], lat_sum[NEP], lat_n[NEP], hist[NEP][HB], late20[NEP],
    reord[NEP];
static double jsum[NEP];
static uint64_t jcnt[NEP];
static uint64_t rx_other, rx_total, tx_err, dtmf_sent, rx_side[2], tx_late;
static int64_t latmax[NEP];
static volatile sig_atomic_t epoch, quit_;
static int fd[2], fdc[2];
static FILE *ctl[2];
static const char *ctlname[2];
static char part[2][512];
static int partn[2];
static int dupok;
static int16_t portmap[2][65536];
static void onusr(int s) {
    (void)s;
    if (epoch < NEP - 1)
        epoch++;
}
static void onterm(int s) {
    (void)s;
    quit_ = 1;
}
static int64_t now_rt(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}
static void nib(uint8_t *p, uint64_t v, int n) {
    for (int i = n - 1; i >= 0; i--) {
        p[i] = 0x20 + (v & 15);
        v >>= 4;
    }
}
static int unnib(const uint8_t *p, int n, uint64_t *o) {
    uint64_t v = 0;
    for (int i = 0; i < n; i++) {
        if ((p[i] & 0xf0) != 0x20)
            return 0;
        v = v << 4 | (p[i] & 15);
    }
    *o = v;
    return 1;
}
static void addr(const char *s, struct sockaddr_in *a) {
    char b[64];
    snprintf(b, 64, "%s", s);
    char *c = strchr(b, ':');
    *c = 0;
    memset(a, 0, sizeof *a);
    a->sin_family = AF_INET;
    a->sin_port = htons(atoi(c + 1));
    inet_pton(AF_INET, b, &a->sin_addr);
}
static int mksock(const char *s, int off, int big) {
    struct sockaddr_in a;
    addr(s, &a);
    a.sin_port = htons(ntohs(a.sin_port) + off);
    int f = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    int sz = big ? 64 << 20 : 4096;
    setsockopt(f, SOL_SOCKET, big ? SO_RCVBUFFORCE : SO_RCVBUF, &sz, sizeof sz);
    sz = 32 << 20;
    if (big)
        setsockopt(f, SOL_SOCKET, SO_SNDBUFFORCE, &sz, sizeof sz);
    int on = 1;
    setsockopt(f, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    if (bind(f, (void *)&a, sizeof a)) {
        perror("bind");
        exit(1);
    }
    return f;
}
static void line(int side, char *l) {
    char cmd[16], ip[64], dg[32] = "";
    int port;
    if (sscanf(l, "%15s %63s %d %31s", cmd, ip, &port, dg) < 3 || port <= 0 || port > 65535)
        return;
    if (!strcmp(cmd, "START")) {
        if (portmap[side][port] >= 0 && !dupok)
            return;
        int i;
        static int nexti;
        for (int k = 0; k < MAXS; k++) {
            i = (nexti + k) % MAXS;
            if (!S[i].used)
                break;
        }
        nexti = (i + 1) % MAXS;
        stream *s = &S[i];
        memset(s, 0, sizeof *s);
        s->used = 1;
        s->side = side;
        s->to.sin_family = AF_INET;
        s->to.sin_port = htons(port);
        inet_pton(AF_INET, ip, &s->to.sin_addr);
        s->ssrc = rand();
        s->seq = rand();
        s->ts = rand();
        portmap[side][port] = i;
        memset(&R[i], 0, sizeof R[i]);
        int b = 0;
        for (int k = 1; k < NSLOT; k++)
            if (slotn[k] < slotn[b])
                b = k;
        slotlist[b][slotn[b]++] = i;
    } else if (!strcmp(cmd, "STOP")) {
        int i = portmap[side][port];
        if (i < 0)
            return;
        portmap[side][port] = -1;
        S[i].used = 0;
        for (int k = 0; k < NSLOT; k++)
            for (int j = 0; j < slotn[k]; j++)
                if (slotlist[k][j] == i) {
                    slotlist[k][j] = slotlist[k][--slotn[k]];
                    return;
                }
    } else if (!strcmp(cmd, "DTMF")) {
        int i = portmap[side][port];
        if (i < 0)
            return;
        snprintf(S[i].digits, 32, "%s", dg);
        S[i].dpos = 0;
        S[i].dstep = 0;
    }
}
static void pollctl(int side) {
    if (!ctl[side]) {
        if (!ctlname[side])
            return;
        ctl[side] = fopen(ctlname[side], "r");
        if (!ctl[side])
            return;
    }
    char buf[4096];
    clearerr(ctl[side]);
    int n;
    while ((n = fread(buf, 1, sizeof buf, ctl[side])) > 0)
        for (int i = 0; i < n; i++) {
            if (buf[i] == '\n') {
                part[side][partn[side]] = 0;
                line(side, part[side]);
                partn[side] = 0;
            } else if (partn[side] < 510)
                part[side][partn[side]++] = buf[i];
        }
}
static uint8_t tx[BATCH][172];
static struct iovec tiov[BATCH];
static struct mmsghdr tm_[BATCH];
static uint8_t rxb[BATCH][2048];
static struct iovec riov[BATCH];
static struct mmsghdr rm[BATCH];
static char rctl[BATCH][64];
static struct sockaddr_in rfrom[BATCH];
static void flush(int side, int n) {
    int o = 0;
    while (o < n) {
        int r = sendmmsg(fd[side], tm_ + o, n - o, 0);
        if (r <= 0) {
            if (errno == EAGAIN)
                continue;
            tx_err++;
            o++;
        } else
            o += r;
    }
}
static int dtmfcode(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c == '*')
        return 10;
    if (c == '#')
        return 11;
    return 0;
}
static int mkpkt(stream *s, int id, uint8_t *p, int ep) {
    p[0] = 0x80;
    int n;
    uint32_t ts = s->ts;
    if (s->digits[s->dpos]) { // each digit: 5 updates (20ms) + 3 ends, then 60 ms gap of audio
        if (s->dstep == 0)
            s->dts = s->ts;
        if (s->dstep < 8) {
            int end = s->dstep >= 5;
            int dur = 160 * (end ? 5 : s->dstep + 1);
            p[1] = 101 | (s->dstep == 0 ? 0x80 : 0);
            ts = s->dts;
            p[12] = dtmfcode(s->digits[s->dpos]);
            p[13] = (end ? 0x80 : 0) | 10;
            p[14] = dur >> 8;
            p[15] = dur;
            n = 16;
            dtmf_sent++;
            s->dstep++;
            goto hdr;
        }
        if (++s->dstep >= 12) {
            s->dstep = 0;
            s->dpos++;
        }
    }
    p[1] = 0 | (s->n == 0 ? 0x80 : 0);
    memset(p + 12, 0x25, 160);
    n = 172;
    nib(p + 12, 0xBE4C, 4);
    nib(p + 16, id, 4);
    nib(p + 20, ep, 1);
    nib(p + 21, s->n, 8);
    nib(p + 29, now_rt(), 13);
    sent[ep]++;
    s->n++;
hdr:
    p[2] = s->seq >> 8;
    p[3] = s->seq;
    s->seq++;
    uint32_t t = htonl(ts);
    memcpy(p + 4, &t, 4);
    memcpy(p + 8, &s->ssrc, 4);
    s->ts += 160;
    return n;
}
static void txslot(int k) {
    for (int side = 0; side < 2; side++) {
        int n = 0;
        for (int j = 0; j < slotn[k]; j++) {
            int i = slotlist[k][j];
            if (S[i].side != side)
                continue;
            tiov[n].iov_base = tx[n];
            tiov[n].iov_len = mkpkt(&S[i], i, tx[n], epoch);
            tm_[n].msg_hdr = (struct msghdr){
                .msg_name = &S[i].to, .msg_namelen = sizeof S[i].to, .msg_iov = &tiov[n], .msg_iovlen = 1};
            if (++n == BATCH) {
                flush(side, n);
                n = 0;
            }
        }
        if (n)
            flush(side, n);
    }
}
static void drain(int side) {
    for (;;) {
        for (int i = 0; i < BATCH; i++) {
            riov[i].iov_base = rxb[i];
            riov[i].iov_len = 2048;
            rm[i].msg_hdr = (struct msghdr){.msg_name = &rfrom[i],
                                            .msg_namelen = sizeof rfrom[i],
                                            .msg_iov = &riov[i],
                                            .msg_iovlen = 1,
                                            .msg_control = rctl[i],
                                            .msg_controllen = 64};
        }
        int n = recvmmsg(fd[side], rm, BATCH, MSG_DONTWAIT, 0);
        if (n <= 0)
            return;
        for (int i = 0; i < n; i++) {
            rx_total++;
            rx_side[side]++;
            uint8_t *p = rxb[i];
            uint64_t mg, id, ep, sq, ts;
            if (rm[i].msg_len < 12 + 29 + 1) {
                rx_other++;
                continue;
            }
            if (!unnib(p + 12, 4, &mg) || mg != 0xBE4C || !unnib(p + 16, 4, &id) || !unnib(p + 20, 1, &ep) ||
                !unnib(p + 21, 8, &sq) || !unnib(p + 29, 13, &ts) || ep >= NEP || id >= MAXS) {
                rx_other++;
                continue;
            }
            struct cmsghdr *c = CMSG_FIRSTHDR(&rm[i].msg_hdr);
            int64_t t = 0;
            if (c && c->cmsg_type == SCM_TIMESTAMPNS) {
                struct timespec tv;
                memcpy(&tv, CMSG_DATA(c), sizeof tv);
                t = tv.tv_sec * 1000000LL + tv.tv_nsec / 1000;
            }
            rcv[ep]++;
            int64_t d = t - (int64_t)ts;
            if (d < 0)
                d = 0;
            lat_sum[ep] += d;
            lat_n[ep]++;
            int b = d / 50;
            if (b >= HB)
                b = HB - 1;
            hist[ep][b]++;
            if (d > 20000)
                late20[ep]++;
            if (d > latmax[ep])
                latmax[ep] = d;
            rxs *r = &R[id];
            if (r->have) {
                if ((uint32_t)sq == r->lastn)
                    dup_[ep]++;
                else if ((int32_t)((uint32_t)sq - r->lastn) < 0)
                    reord[ep]++;
                double D = fabs((double)(d - r->last_d));
                r->j += (D - r->j) / 16;
                jsum[ep] += D;
                jcnt[ep]++;
            }
            r->have = 1;
            r->last_d = d;
            r->lastn = sq;
        }
        if (n < BATCH)
            return;
    }
}
static double pct(int e, double q) {
    uint64_t tot = 0, a = 0;
    for (int i = 0; i < HB; i++)
        tot += hist[e][i];
    for (int i = 0; i < HB; i++) {
        a += hist[e][i];
        if (tot && a >= q * tot)
            return i * 50 + 25;
    }
    return 0;
}
int main(int c, char **v) {
    const char *a = "127.0.0.1:30000", *b = "127.0.0.1:30002", *o = 0;
    int k;
    while ((k = getopt(c, v, "a:b:A:B:o:D")) > 0)
        switch (k) {
        case 'a':
            a = optarg;
            break;
        case 'b':
            b = optarg;
            break;
        case 'A':
            ctlname[0] = optarg;
            break;
        case 'B':
            ctlname[1] = optarg;
            break;
        case 'o':
            o = optarg;
            break;
        case 'D':
            dupok = 1;
        }
    memset(portmap, 0xff, sizeof portmap);
    fd[0] = mksock(a, 0, 1);
    fd[1] = mksock(b, 0, 1);
    fdc[0] = mksock(a, 1, 0);
    fdc[1] = mksock(b, 1, 0);
    signal(SIGUSR1, onusr);
    signal(SIGTERM, onterm);
    signal(SIGINT, onterm);
    srand(time(0));
    struct timespec nx;
    clock_gettime(CLOCK_MONOTONIC, &nx);
    uint64_t tick = 0;
    char junk[2048];
    while (!quit_) {
        nx.tv_nsec += 1000000;
        if (nx.tv_nsec >= 1000000000) {
            nx.tv_nsec -= 1000000000;
            nx.tv_sec++;
        }
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &nx, 0) == EINTR && !quit_)
            ;
        struct timespec w;
        clock_gettime(CLOCK_MONOTONIC, &w);
        if ((w.tv_sec - nx.tv_sec) * 1000000LL + (w.tv_nsec - nx.tv_nsec) / 1000 > 5000)
            tx_late++;
        txslot(tick % NSLOT);
        drain(0);
        drain(1);
        if (tick % 10 == 0) {
            pollctl(0);
            pollctl(1);
        }
        if (tick % 50 == 0)
            for (int i = 0; i < 2; i++)
                while (recv(fdc[i], junk, sizeof junk, MSG_DONTWAIT) > 0)
                    ;
        tick++;
    }
    for (int i = 0; i < 200; i++) {
        usleep(1000);
        drain(0);
        drain(1);
    }
    FILE *f = o ? fopen(o, "w") : stdout;
    fprintf(f,
            "{\"rx_total\":%lu,\"rx_other\":%lu,\"rx_a\":%lu,\"rx_b\":%lu,\"tx_err\":%lu,\"dtmf_pkts\":%lu,"
            "\"late_ticks\":%lu,\"epochs\":[",
            rx_total, rx_other, rx_side[0], rx_side[1], tx_err, dtmf_sent, tx_late);
    for (int e = 0; e <= epoch; e++)
        fprintf(f,
                "%s{\"sent\":%lu,\"recv\":%lu,\"lost\":%ld,\"loss_pct\":%.4f,\"dup\":%lu,\"reorder\":%lu,"
                "\"lat_mean_us\":%.1f,\"lat_p50_us\":%.0f,\"lat_p99_us\":%.0f,\"lat_p999_us\":%.0f,\"lat_max_"
                "us\":%ld,\"late20ms\":%lu,\"jit_mean_us\":%.1f}",
                e ? "," : "", sent[e], rcv[e], (long)(sent[e] - rcv[e]),
                sent[e] ? 100.0 * (double)(long)(sent[e] - rcv[e]) / sent[e] : 0, dup_[e], reord[e],
                lat_n[e] ? (double)lat_sum[e] / lat_n[e] : 0, pct(e, .5), pct(e, .99), pct(e, .999),
                latmax[e], late20[e], jcnt[e] ? jsum[e] / jcnt[e] : 0);
    fprintf(f, "]}\n");
    fclose(f);
    return 0;
}
