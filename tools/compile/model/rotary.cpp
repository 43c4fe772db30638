// SPDX-License-Identifier: MIT
#include "model/rotary.hpp"

#include <algorithm>
#include <cmath>

#include "error.hpp"
#include "model/rope.hpp"

namespace skald::compiler {
namespace {

std::vector<double> stretched_by(std::vector<double> f, const std::vector<double>& factors) {
    for (std::size_t i = 0; i < f.size(); ++i)
        f[i] /= factors[i];
    return f;
}

// ---- config.json ----

class HfRotary {
  public:
    HfRotary(const Source& source, const Sizes& sizes, const RotaryOptions& options)
        : z_(sizes), o_(options), config_(source.json()), given_(parameters()) {
        if (given_)
            params_ = *given_;
    }

    Rotary run() {
        Rotary r;
        r.theta = theta();
        const std::uint32_t head = o_.head_dim != 0 ? o_.head_dim : z_.head_dim;
        const double partial =
            number("partial_rotary_factor")
                .value_or(config_.maybe_number("partial_rotary_factor")
                              .value_or(config_.maybe_number("rotary_pct").value_or(o_.partial)));
        const auto dims = static_cast<std::uint32_t>(head * partial);
        if (!(partial > 0 && partial <= 1) || dims % 2 != 0 || dims < 2)
            fail("{}: a part of {} of heads of {} cannot be turned in pairs", config_.file(),
                 partial, head);
        r.table.frequencies = rope_frequencies(r.theta, dims);
        if (given_ && !o_.fixed_theta && !o_.unscaled)
            stretch(r);
        else if (given_)
            ignore_rest();
        return r;
    }

  private:
    // Transformers takes rope_scaling before rope_parameters; either may be by type of layer.
    std::optional<JsonObject> parameters() const {
        std::optional<JsonObject> both = config_.maybe_object("rope_parameters");
        if (auto scaling = config_.maybe_object("rope_scaling")) {
            // What the newer one says does not count, its base neither.
            static_cast<void>(config_.find("rope_parameters"));
            both = std::move(scaling);
        }
        if (both && !o_.layer_type.empty())
            if (auto of_type = both->maybe_object(o_.layer_type))
                return of_type;
        return both;
    }

    std::optional<double> number(std::string_view key) const { return params_.maybe_number(key); }

    double theta() const {
        const double theta = o_.fixed_theta.value_or(
            number("rope_theta")
                .value_or(
                    config_.maybe_number("rope_theta")
                        .value_or(config_.maybe_number("rotary_emb_base").value_or(o_.theta))));
        if (!(theta > 0))
            config_.reject("rope_theta", "must be positive");
        return theta;
    }

    double positive(std::string_view key) const {
        const double value = params_.number(key);
        if (!(value > 0))
            params_.reject(key, "must be positive");
        return value;
    }

    void ignore_rest() const {
        params_.skip({"rope_type", "type", "factor", "low_freq_factor", "high_freq_factor",
                      "original_max_position_embeddings"});
    }

    void stretch(Rotary& r) const {
        auto type = params_.maybe_string("rope_type");
        const auto older = params_.maybe_string("type");
        if (!type)
            type = older;
        if (!type && params_.has("factor"))
            fail("{}: {} has a factor and no rope_type, which says what it stretches",
                 config_.file(), params_.path_of("factor"));
        const std::string name = type.value_or("default");
        std::vector<double>& f = r.table.frequencies;
        if (name == "default" || name == "mrope") {
            params_.skip({"mrope_section"});
        } else if (name == "linear") {
            r.stretch = positive("factor");
            scale_linear(f, r.stretch);
        } else if (name == "dynamic") {
            params_.maybe_number("factor");  // of positions beyond those it was trained for
        } else if (name == "llama3") {
            llama3(f);
        } else if (name == "yarn" || name == "deepseek_yarn") {
            yarn(r);
        } else if (name == "longrope" || name == "su") {
            longrope(r);
        } else {
            fail(
                "{}: rotary scaling of type {} is not supported; linear, dynamic, llama3, yarn and "
                "longrope are",
                config_.file(), name);
        }
    }

    void llama3(std::vector<double>& f) const {
        const Llama3Scaling s{positive("factor"), positive("low_freq_factor"),
                              positive("high_freq_factor"),
                              positive("original_max_position_embeddings")};
        if (s.high_factor <= s.low_factor)
            params_.reject("high_freq_factor", "must be above low_freq_factor");
        scale_llama3(f, s);
    }

    double original() const {
        return number("original_max_position_embeddings")
            .value_or(
                config_.maybe_number("original_max_position_embeddings").value_or(z_.context));
    }

    void yarn(Rotary& r) const {
        YarnScaling s{};
        s.original_context = original();
        s.factor = number("factor").value_or(z_.context / s.original_context);
        s.beta_fast = number("beta_fast").value_or(32);
        s.beta_slow = number("beta_slow").value_or(1);
        s.truncate = params_.maybe_bool("truncate").value_or(true);
        if (!(s.factor > 0) || !(s.original_context > 0))
            params_.reject("factor", "must be positive");
        r.stretch = s.factor * s.original_context / z_.context;
        scale_yarn(r.table.frequencies, r.theta, s);
        const double mscale = number("mscale").value_or(0);
        const double all = number("mscale_all_dim").value_or(0);
        const double both = mscale != 0 && all != 0
                                ? yarn_amplitude(s.factor, mscale) / yarn_amplitude(s.factor, all)
                                : yarn_amplitude(s.factor);
        r.table.amplitude = number("attention_factor").value_or(both);
        if (all != 0)
            r.score_factor = std::pow(yarn_amplitude(s.factor, all), 2);
    }

    void longrope(Rotary& r) const {
        const auto factors = [&](std::string_view key) {
            const auto list = params_.maybe_numbers(key);
            if (!list || list->size() != r.table.frequencies.size())
                params_.reject(
                    key, fmt::format("must be a list of {} numbers", r.table.frequencies.size()));
            if (std::any_of(list->begin(), list->end(), [](double x) { return !(x > 0); }))
                params_.reject(key, "has a factor that is not positive");
            return *list;
        };
        const double trained = original();
        const double factor = config_.has("original_max_position_embeddings")
                                  ? z_.context / trained
                                  : number("factor").value_or(z_.context / trained);
        params_.maybe_number("factor");
        const double amplitude =
            factor <= 1 ? 1 : std::sqrt(1 + std::log(factor) / std::log(trained));
        r.table.amplitude = number("attention_factor").value_or(amplitude);
        const std::vector<double> plain = r.table.frequencies;
        r.table.frequencies = stretched_by(plain, factors("short_factor"));
        r.table.long_frequencies = stretched_by(plain, factors("long_factor"));
        r.table.short_limit = static_cast<std::uint32_t>(trained);
        // No request reaches what the long ones are for.
        if (z_.context <= r.table.short_limit)
            r.table.long_frequencies.clear();
    }

    const Sizes& z_;
    const RotaryOptions& o_;
    const JsonObject& config_;
    std::optional<JsonObject> given_;
    Json none_ = Json::object();
    JsonObject params_{config_.file(), "", none_};  // what is given, or nothing
};

// ---- GGUF ----

class GgufRotary {
  public:
    GgufRotary(const Source& source, const Sizes& sizes, const RotaryOptions& options)
        : s_(source), z_(sizes), o_(options) {}

    Rotary run() {
        Rotary r;
        const std::uint32_t head = o_.head_dim != 0 ? o_.head_dim : z_.head_dim;
        r.theta = o_.fixed_theta.value_or(
            s_.maybe_f32({"", "rope.freq_base"}).value_or(static_cast<float>(o_.theta)));
        if (!(r.theta > 0))
            s_.reject({"", "rope.freq_base"}, "must be positive");
        const std::uint32_t dims = s_.maybe_u32({"", "rope.dimension_count"})
                                       .value_or(static_cast<std::uint32_t>(head * o_.partial));
        if (dims < 2 || dims % 2 != 0 || dims > head)
            s_.reject({"", "rope.dimension_count"},
                      fmt::format("is {}, must be even and at most {}", dims, head));
        r.table.frequencies = rope_frequencies(r.theta, dims);
        if (o_.fixed_theta || o_.unscaled)
            return r;
        stretch(r);
        if (const Tensor* factors = s_.maybe_weight("rope_freqs"))
            scale_by_factors(r.table.frequencies, factors_of(*factors, r));
        return r;
    }

  private:
    std::vector<float> factors_of(const Tensor& tensor, const Rotary& r) const {
        const std::vector<std::uint64_t> expected{r.table.frequencies.size()};
        if (tensor.shape != expected)
            fail("{}: tensor {} has shape {}, expected {}", s_.file(), tensor.name,
                 to_string(tensor.shape), to_string(expected));
        std::vector<float> factors(r.table.frequencies.size());
        row_to_f32(tensor, 0, factors);
        if (std::any_of(factors.begin(), factors.end(), [](float x) { return !(x > 0); }))
            fail("{}: tensor {} has a factor that is not positive", s_.file(), tensor.name);
        return factors;
    }

    double positive(Key key) const {
        const double value = s_.f32(key);
        if (!(value > 0))
            s_.reject(key, "must be positive");
        return value;
    }

    void stretch(Rotary& r) const {
        constexpr Key kFactor{"", "rope.scaling.factor"}, kLinear{"", "rope.scale_linear"};
        const auto type = s_.maybe_text({"", "rope.scaling.type"});
        const auto plain = s_.maybe_f32(kLinear);
        for (const std::string_view key :
             {"rope.scaling.finetuned", "rope.scaling.original_context_length",
              "rope.scaling.attn_factor"})
            static_cast<void>(s_.has({"", key}));
        // llama.cpp: a factor without a type is linear.
        const std::string name = type.value_or(s_.has(kFactor) || plain ? "linear" : "none");
        if (name == "none") {
            static_cast<void>(s_.maybe_f32(kFactor));
        } else if (name == "linear") {
            r.stretch = s_.has(kFactor) ? positive(kFactor) : positive(kLinear);
            scale_linear(r.table.frequencies, r.stretch);
        } else if (name == "yarn") {
            yarn(r, positive(kFactor));
        } else if (name != "longrope") {
            fail("{}: rotary scaling of type {} is not supported; linear, yarn and longrope are",
                 s_.file(), name);
        }
        const Tensor* shorter = s_.maybe_weight("rope_factors_short");
        const Tensor* longer = s_.maybe_weight("rope_factors_long");
        if (shorter && longer)
            longrope(r, *shorter, *longer);
        else if (name == "longrope")
            fail("{}: tensors rope_factors_short.weight and rope_factors_long.weight are missing",
                 s_.file());
    }

    void yarn(Rotary& r, double factor) const {
        YarnScaling s{};
        s.factor = factor;
        s.original_context =
            s_.maybe_u32({"", "rope.scaling.original_context_length"}).value_or(z_.context);
        s.beta_fast = s_.maybe_f32({"", "rope.scaling.yarn_beta_fast"}).value_or(32);
        s.beta_slow = s_.maybe_f32({"", "rope.scaling.yarn_beta_slow"}).value_or(1);
        r.stretch = s.factor * s.original_context / z_.context;
        scale_yarn(r.table.frequencies, r.theta, s);
        r.table.amplitude =
            yarn_amplitude(s.factor) * s_.maybe_f32({"", "rope.scaling.attn_factor"}).value_or(1);
        if (const auto log_multiplier = s_.maybe_f32({"", "rope.scaling.yarn_log_multiplier"});
            log_multiplier && *log_multiplier != 0) {
            // DeepSeek: what it would multiply angles with goes into the scores.
            r.table.amplitude = 1;
            r.score_factor = std::pow(yarn_amplitude(s.factor, *log_multiplier * 10), 2);
        }
    }

    void longrope(Rotary& r, const Tensor& shorter, const Tensor& longer) const {
        const auto wide = [](const std::vector<float>& v) {
            return std::vector<double>(v.begin(), v.end());
        };
        const std::vector<double> plain = r.table.frequencies;
        r.table.frequencies = stretched_by(plain, wide(factors_of(shorter, r)));
        r.table.long_frequencies = stretched_by(plain, wide(factors_of(longer, r)));
        r.table.short_limit =
            s_.maybe_u32({"", "rope.scaling.original_context_length"}).value_or(z_.context);
        r.table.amplitude = s_.maybe_f32({"", "rope.scaling.attn_factor"}).value_or(1);
        if (z_.context <= r.table.short_limit)
            r.table.long_frequencies.clear();
    }

    const Source& s_;
    const Sizes& z_;
    const RotaryOptions& o_;
};

}  // namespace

Rotary read_rotary(const Source& source, const Sizes& sizes, const RotaryOptions& options) {
    return source.is_gguf() ? GgufRotary(source, sizes, options).run()
                            : HfRotary(source, sizes, options).run();
}

}  // namespace skald::compiler
