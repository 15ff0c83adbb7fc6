/* dispatch.c: which kernels this CPU runs, asked once, in one place.
 *
 * A table is offered only if it was compiled in, the CPU has its instructions (CPUID) and the operating system
 * saves its registers (XGETBV). The chosen tables are the library's only mutable globals. */
#include <string.h>

#include "kernels.h"
#include "text_kernels.h"
#include "w2v.h"

#ifdef _OPENMP
int w2v_openmp_version(void) { return _OPENMP; }
#else
int w2v_openmp_version(void) { return 0; }
#endif

#if defined(__x86_64__) || defined(_M_X64) || defined(__i386__)
#define ON_X86 1
#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
static void cpuid(int leaf, int r[4]) { __cpuidex(r, leaf, 0); }
static uint64_t saved_registers(void) { return _xgetbv(0); }
#else
#include <cpuid.h>
static void cpuid(int leaf, int r[4]) {
    unsigned a = 0, b = 0, c = 0, d = 0;
    __get_cpuid_count((unsigned)leaf, 0, &a, &b, &c, &d); /* leaves zeros where the leaf does not exist */
    r[0] = (int)a, r[1] = (int)b, r[2] = (int)c, r[3] = (int)d;
}
static uint64_t saved_registers(void) {
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}
#endif

enum { NO_VECTORS, HAS_AVX2, HAS_AVX512, HAS_VBMI2 };

static int bit(int word, int position) { return word >> position & 1; }

static int x86_level(void) {
    int leaf1[4] = {0}, leaf7[4] = {0};
    cpuid(1, leaf1);
    if (!bit(leaf1[2], 27)) return NO_VECTORS; /* OSXSAVE: without it XGETBV is itself illegal */
    cpuid(7, leaf7);
    const uint64_t saved = saved_registers();
    const int avx2 = (saved & 0x6) == 0x6 && bit(leaf1[2], 28) && bit(leaf1[2], 12) && bit(leaf7[1], 5); /* AVX, FMA */
    const int avx512 = avx2 && (saved & 0xE6) == 0xE6 && bit(leaf7[1], 16) && bit(leaf7[1], 17) && /* F, DQ */
                       bit(leaf7[1], 30) && bit(leaf7[1], 31);                                     /* BW, VL */
    const int vbmi2 = avx512 && bit(leaf7[2], 6);
    return vbmi2 ? HAS_VBMI2 : avx512 ? HAS_AVX512 : avx2 ? HAS_AVX2 : NO_VECTORS;
}
#endif

/* Best first. */
static const w2v_kernels *const tables[] = {
#ifdef W2V_WITH_AVX512
    &w2v_kernels_avx512,
#endif
#ifdef W2V_WITH_AVX2
    &w2v_kernels_avx2,
#endif
#ifdef W2V_WITH_NEON
    &w2v_kernels_neon,
#endif
    &w2v_kernels_scalar,
};
enum { N_TABLES = sizeof tables / sizeof *tables };

int w2v_isa_supported(const char *name) {
#ifdef ON_X86
    if (!strcmp(name, "avx512")) return x86_level() >= HAS_AVX512;
    if (!strcmp(name, "avx2")) return x86_level() >= HAS_AVX2;
#endif
#if defined(__aarch64__) || defined(_M_ARM64)
    if (!strcmp(name, "neon")) return 1; /* part of the base architecture */
#endif
    return !strcmp(name, "scalar");
}

const char *w2v_isa_compiled(int rank) { return rank >= 0 && rank < N_TABLES ? tables[rank]->isa : NULL; }

const w2v_kernels *w2v_kernels_find(const char *isa) {
    for (int i = 0; i < N_TABLES; i++)
        if ((!isa || !strcmp(tables[i]->isa, isa)) && w2v_isa_supported(tables[i]->isa)) return tables[i];
    return NULL;
}

static const w2v_text_kernels *text_kernels_of(const char *isa) {
#ifdef W2V_WITH_TEXT_AVX512
    if (!strcmp(isa, "avx512") && x86_level() >= HAS_VBMI2) return &w2v_text_avx512;
#endif
    (void)isa;
    return &w2v_text_base;
}

static const w2v_kernels *chosen;
static const w2v_text_kernels *chosen_text = &w2v_text_base;

int w2v_isa_select(const char *name) {
    const w2v_kernels *found = w2v_kernels_find(name);
    if (!found) return 0;
    chosen = found;
    chosen_text = text_kernels_of(found->isa);
    return 1;
}

const w2v_kernels *w2v_kernels_get(void) { return chosen ? chosen : w2v_kernels_find(NULL); }
const char *w2v_isa_name(void) { return w2v_kernels_get()->isa; }

const w2v_text_kernels *w2v_text_kernels_get(void) { return chosen_text; }
