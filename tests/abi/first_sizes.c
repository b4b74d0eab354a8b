/* The first sizes in base/abi.h are those of release 0.1, and no struct has shrunk since. */
#include "base/abi.h"

#define CHECK(type, name, first)                                                \
    _Static_assert(NST_##name##_FIRST_SIZE == (first), #type ": first size moved"); \
    _Static_assert(sizeof(type) >= (first), #type " has shrunk")

CHECK(nst_allocator, ALLOCATOR, 32);
CHECK(nst_ctx_config, CTX_CONFIG, 104);
CHECK(nst_reader, READER, 24);
CHECK(nst_writer, WRITER, 24);
CHECK(nst_image_desc, IMAGE_DESC, 48);
CHECK(nst_save_params, SAVE_PARAMS, 40);
CHECK(nst_model_info, MODEL_INFO, 472);
CHECK(nst_weights_identity, WEIGHTS_IDENTITY, 424);
CHECK(nst_option_info, OPTION_INFO, 96);
CHECK(nst_progress, PROGRESS, 128);
CHECK(nst_loss_term, LOSS_TERM, 72);
CHECK(nst_estimate, ESTIMATE, 192);
CHECK(nst_strength_info, STRENGTH_INFO, 96);
CHECK(nst_measure_summary, MEASURE_SUMMARY, 160);
CHECK(nst_measure_layer, MEASURE_LAYER, 72);

/* Until 0.1 is released, the first sizes follow the structs. */
#define CHECK_FRESH(type, name) _Static_assert(sizeof(type) == NST_##name##_FIRST_SIZE, #type ": update its first size")
#if NST_API_VERSION == 1
CHECK_FRESH(nst_allocator, ALLOCATOR);
CHECK_FRESH(nst_ctx_config, CTX_CONFIG);
CHECK_FRESH(nst_reader, READER);
CHECK_FRESH(nst_writer, WRITER);
CHECK_FRESH(nst_image_desc, IMAGE_DESC);
CHECK_FRESH(nst_save_params, SAVE_PARAMS);
CHECK_FRESH(nst_model_info, MODEL_INFO);
CHECK_FRESH(nst_weights_identity, WEIGHTS_IDENTITY);
CHECK_FRESH(nst_option_info, OPTION_INFO);
CHECK_FRESH(nst_progress, PROGRESS);
CHECK_FRESH(nst_loss_term, LOSS_TERM);
CHECK_FRESH(nst_estimate, ESTIMATE);
CHECK_FRESH(nst_strength_info, STRENGTH_INFO);
CHECK_FRESH(nst_measure_summary, MEASURE_SUMMARY);
CHECK_FRESH(nst_measure_layer, MEASURE_LAYER);
#endif

int main(void)
{
    return 0;
}
