#include "image/icc.h"

#include "build_features.h"

#if NST_HAVE_LCMS2

#include <lcms2.h>
#include <stdlib.h>

struct nst_icc {
    nst_ctx *ctx;
    cmsContext lcms; /* of its own, so that images can be read in several threads */
    cmsHTRANSFORM transform;
};

static cmsUInt32Number format_of(const nst_icc_profile *profile)
{
    cmsUInt32Number colours = profile->space == NST_ICC_GRAY ? PT_GRAY : profile->space == NST_ICC_RGB ? PT_RGB : PT_CMYK;
    return COLORSPACE_SH(colours) | CHANNELS_SH((cmsUInt32Number)profile->space) | BYTES_SH((cmsUInt32Number)profile->bits / 8) |
           EXTRA_SH(profile->alpha ? 1u : 0u) | FLAVOR_SH(profile->inverted ? 1u : 0u);
}

static cmsColorSpaceSignature signature_of(nst_icc_space space)
{
    return space == NST_ICC_GRAY ? cmsSigGrayData : space == NST_ICC_RGB ? cmsSigRgbData : cmsSigCmykData;
}

static cmsHTRANSFORM new_transform(cmsContext lcms, cmsHPROFILE from, cmsUInt32Number in, cmsUInt32Number out)
{
    cmsHPROFILE srgb = cmsCreate_sRGBProfileTHR(lcms);
    cmsHTRANSFORM transform;
    if (!srgb) return NULL;
    transform = cmsCreateTransformTHR(lcms, from, in, srgb, out, INTENT_PERCEPTUAL, cmsFLAGS_COPY_ALPHA);
    cmsCloseProfile(srgb);
    return transform;
}

/* The many sRGB profiles in the world differ in their bytes and in the last bit of their tables. What moves no colour of a grid
 * by more than a step of 8 bits and a half is sRGB, and its pixels stay exactly as they are. */
static bool is_identity(cmsContext lcms, cmsHPROFILE profile)
{
    enum { STEPS = 9, TOLERANCE = 386 };
    cmsHTRANSFORM transform = new_transform(lcms, profile, TYPE_RGB_16, TYPE_RGB_16);
    bool identity = transform != NULL;
    for (int i = 0; i < STEPS * STEPS * STEPS && identity; i++) {
        uint16_t in[3] = {(uint16_t)(i % STEPS * 8191), (uint16_t)(i / STEPS % STEPS * 8191),
                          (uint16_t)(i / STEPS / STEPS * 8191)};
        uint16_t out[3];
        cmsDoTransform(transform, in, out, 1);
        for (int c = 0; c < 3; c++) identity = identity && abs((int)in[c] - (int)out[c]) <= TOLERANCE;
    }
    if (transform) cmsDeleteTransform(transform);
    return identity;
}

static void open_transform(nst_icc *icc, const nst_icc_profile *given)
{
    cmsHPROFILE profile = NULL;
    if (given->length <= UINT32_MAX) profile = cmsOpenProfileFromMemTHR(icc->lcms, given->data, (cmsUInt32Number)given->length);
    if (!profile || cmsGetColorSpace(profile) != signature_of(given->space)) {
        nst_log(icc->ctx, NST_LOG_WARNING, "the embedded colour profile is %s; sRGB is assumed",
                profile ? "of another colour space than the image" : "damaged");
    } else if (given->space != NST_ICC_RGB || !is_identity(icc->lcms, profile)) {
        icc->transform = new_transform(icc->lcms, profile, format_of(given), given->alpha ? TYPE_RGBA_16 : TYPE_RGB_16);
        if (!icc->transform) nst_log(icc->ctx, NST_LOG_WARNING, "the embedded colour profile cannot be used; sRGB is assumed");
    }
    if (profile) cmsCloseProfile(profile);
}

int32_t nst_icc_new(nst_ctx *ctx, const nst_icc_profile *profile, nst_icc **out, nst_error *error)
{
    nst_icc *icc = nst_alloc_zero(&ctx->memory, sizeof *icc);
    *out = NULL;
    if (!icc) return nst_fail_nomem(error, "a colour profile");
    icc->ctx = ctx;
    icc->lcms = cmsCreateContext(NULL, NULL);
    if (icc->lcms) open_transform(icc, profile);
    if (icc->transform) *out = icc;
    else nst_icc_free(icc);
    return NST_OK;
}

void nst_icc_free(nst_icc *icc)
{
    if (!icc) return;
    if (icc->transform) cmsDeleteTransform(icc->transform);
    if (icc->lcms) cmsDeleteContext(icc->lcms);
    nst_free(&icc->ctx->memory, icc);
}

void nst_icc_convert(const nst_icc *icc, const void *from, uint16_t *to, size_t pixels)
{
    cmsDoTransform(icc->transform, from, to, (cmsUInt32Number)pixels);
}

#else

int32_t nst_icc_new(nst_ctx *ctx, const nst_icc_profile *profile, nst_icc **out, nst_error *error)
{
    (void)profile, (void)error;
    nst_log(ctx, NST_LOG_WARNING, "this build has no lcms2: the embedded colour profile is ignored and sRGB assumed");
    *out = NULL;
    return NST_OK;
}

void nst_icc_free(nst_icc *icc)
{
    (void)icc;
}

void nst_icc_convert(const nst_icc *icc, const void *from, uint16_t *to, size_t pixels)
{
    (void)icc, (void)from, (void)to, (void)pixels;
}

#endif
