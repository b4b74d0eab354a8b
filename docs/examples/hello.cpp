// The same as hello.c in C++17: handles that give themselves back, failures that throw.
// hello PHOTO PAINTING OUT.png [OPTIONS.json-text]
#include <nst/nst.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>

namespace {

template <auto release>
struct Release {
    template <typename T>
    void operator()(T *handle) const { release(handle); }
};

template <typename T, auto release>
using Handle = std::unique_ptr<T, Release<release>>;

using Context = Handle<nst_ctx, nst_ctx_unref>;
using Model = Handle<nst_model, nst_model_unref>;
using Image = Handle<nst_image, nst_image_unref>;
using Options = Handle<nst_options, nst_options_free>;
using Targets = Handle<nst_targets, nst_targets_unref>;
using Session = Handle<nst_session, nst_session_free>;

void check(std::int32_t status, const char *sentence)
{
    if (status < 0) throw std::runtime_error(*sentence ? sentence : nst_strerror(status));
}

// Calls a function of the library that hands out a reference, as in make<Image>(ctx, nst_image_load, ctx, "photo.jpg").
template <typename Owner, typename Function, typename... Arguments>
Owner make(nst_ctx *ctx, Function function, Arguments... arguments)
{
    typename Owner::pointer handle = nullptr;
    check(function(arguments..., &handle), ctx ? nst_ctx_error(ctx) : "");
    return Owner(handle);
}

void paint(const char *photo_path, const char *painting_path, const char *out, const char *json)
{
    const Context context = make<Context>(nullptr, nst_ctx_new, nullptr);
    nst_ctx *ctx = context.get();
    const Model model = make<Model>(ctx, nst_model_open, ctx, nullptr);
    const Image photo = make<Image>(ctx, nst_image_load, ctx, photo_path);
    const Image painting = make<Image>(ctx, nst_image_load, ctx, painting_path);
    const Options options = make<Options>(ctx, nst_options_new, ctx);
    check(nst_options_from_json(options.get(), json, std::strlen(json)), nst_options_error(options.get()));
    nst_image *styles[] = {painting.get()};
    const Targets targets = make<Targets>(ctx, nst_targets_new, model.get(), photo.get(), styles, 1u);
    const Session session = make<Session>(ctx, nst_session_new, targets.get(), options.get(), nullptr);

    std::int32_t status;
    while ((status = nst_session_step(session.get())) == NST_CONTINUE) { }
    check(status, nst_session_error(session.get()));
    const Image result = make<Image>(ctx, nst_session_get_image, session.get());
    check(nst_image_save(result.get(), out, nullptr), nst_ctx_error(ctx));
}

} // namespace

int main(int argc, char **argv)
{
    if (argc < 4) {
        std::fprintf(stderr, "usage: %s PHOTO PAINTING OUT.png [OPTIONS.json-text]\n", argv[0]);
        return 2;
    }
    try {
        paint(argv[1], argv[2], argv[3], argc > 4 ? argv[4] : "{}");
    } catch (const std::exception &error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
