#include "trace/trace-hw_skald_pci.h"
