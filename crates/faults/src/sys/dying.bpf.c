// Keeps a tracepoint in use that the faults' programs come to and go from: the first one that comes
// after the last one went has to wait until every processor knows of that.
#include "bpf.h"

SEC("raw_tp/signal_deliver")
int squall_dying(struct delivery *ctx) { return 0; }

char squall_license[] SEC("license") = "Apache-2.0";
