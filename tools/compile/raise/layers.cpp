// SPDX-License-Identifier: MIT
#include "raise/layers.hpp"

#include <algorithm>
#include <cmath>

#include "error.hpp"
#include "model/rope.hpp"
#include "raise/rotary_base.hpp"

namespace skald::compiler::raising {
namespace {

float narrow(double x) {
    return static_cast<float>(x);
}

Expr column(const std::vector<double>& numbers) {
    std::vector<float> out;
    for (const double x : numbers)
        out.push_back(narrow(x));
    return expr::list(std::move(out));
}

// What all groups have in common, if they do.
std::vector<double> of_a_group(const std::vector<double>& all, std::uint32_t group) {
    for (std::size_t c = group; c < all.size(); ++c)
        if (all[c] != all[c - group])
            return all;
    return {all.begin(), all.begin() + group};
}

// The same table but for the last bits, which depend on who was multiplied with what.
bool alike(const RotaryTable& a, const RotaryTable& b) {
    constexpr double kTolerance = 1e-12;
    return std::abs(a.amplitude - b.amplitude) <= kTolerance &&
           std::ranges::equal(a.frequencies, b.frequencies, [](double x, double y) {
               return std::abs(x - y) <= kTolerance * std::abs(x);
           });
}

class Describer {
  public:
    Describer(Recogniser& r, const graphs::TensorGraph& g, const Roles& roles)
        : r_(r), g_(g), roles_(roles) {}

    Raised run(const Value& logits) {
        const BaseId head = find_head(logits);
        const auto* product = r_.as<Product>(head);
        spec().vocabulary = r_.base(head).width;
        const auto [stream, norm] = normed_input(product->of, product->factor, head);
        spec().output_norm = norm;
        spec().head = linear(head, product->factor, Matrix::Use::kVocabulary);
        say("head", head);
        split(stream);
        embedding();
        for (std::size_t i = first_; i < leaves_.size();)
            i = layer(i);
        if (spec().layers.empty())
            fail("{}: has no layers", g_.file);
        share_embedding();
        return std::move(out_);
    }

  private:
    DecoderSpec& spec() { return out_.spec; }

    void say(std::string_view what, BaseId id) {
        out_.explained.push_back(fmt::format("{:<28} {}", what, r_.base(id).path));
    }

    [[noreturn]] void refuse(BaseId id, std::string_view why) const {
        fail("{}: {}: {}", g_.file, r_.base(id).path, why);
    }

    BaseId find_head(const Value& logits) {
        if (!logits.is_symbolic())
            fail("{}: its output does not depend on tokens", g_.file);
        const auto u = r_.uniform(logits.symbols());
        if (!u || u->formula.variables().size() != 1)
            fail("{}: its logits are no product with a matrix", g_.file);
        const auto how = capped(u->formula);
        const auto rows =
            r_.rows_of({u->variables[0].get(), static_cast<std::size_t>(logits.shape.back())});
        if (!how || !rows || r_.as<Product>(rows->base) == nullptr)
            fail("{}: its logits are no product with a matrix, scaled or capped: {}", g_.file,
                 r_.nearest());
        spec().logit_scale = narrow(how->scale * rows->factor);
        spec().logit_cap = narrow(how->cap);
        return rows->base;
    }

    // ---- parts ----

    Norm norm(BaseId id) {
        const auto* n = r_.as<Normed>(id);
        Norm out;
        out.kind = n->centred ? Norm::Kind::kLayer : Norm::Kind::kRms;
        out.eps = narrow(n->eps);
        out.group = n->group == r_.base(id).width ? 0 : n->group;
        if (!n->gain.empty())
            out.gain = column(of_a_group(n->gain, n->group));
        if (!n->bias.empty())
            out.bias = column(of_a_group(n->bias, n->group));
        return out;
    }

    Linear linear(BaseId id, double factor, Matrix::Use use = Matrix::Use::kPlain) {
        const auto* p = r_.as<Product>(id);
        if (p == nullptr)
            refuse(id, "a product with a matrix was expected");
        if (!p->source_rows.empty() && use != Matrix::Use::kVocabulary)
            refuse(id, "only some of the tokens are multiplied");
        Linear l;
        l.weight = {{expr::times(p->weight, narrow(factor))}, use};
        if (!p->bias.empty())
            l.bias = {column(p->bias)};
        return l;
    }

    // The stream below a norm, or the stream itself.
    std::pair<BaseId, Norm> normed_input(BaseId id, double& factor, BaseId reader) {
        if (r_.as<Normed>(id) != nullptr) {
            const BaseId of = r_.as<Normed>(id)->of;
            require_stream(of, reader);
            return {of, norm(id)};
        }
        require_stream(id, reader);
        factor = 1;
        return {id, {}};
    }
    std::pair<BaseId, Norm> normed_input(BaseId id, const double& factor, BaseId reader) {
        double f = factor;
        return normed_input(id, f, reader);
    }

    void require_stream(BaseId id, BaseId reader) const {
        if (r_.as<Sum>(id) == nullptr && r_.as<Lookup>(id) == nullptr)
            refuse(reader, fmt::format("it reads {}, which is not what streams through the layers",
                                       r_.base(id).path));
    }

    std::vector<Sum::Leaf> leaves_of(BaseId stream) const {
        if (const auto* s = r_.as<Sum>(stream))
            return s->leaves;
        return {{stream, 1}};
    }

    void split(BaseId stream) { leaves_ = leaves_of(stream); }

    // How many of the leaves a stream is the sum of.
    std::size_t prefix(BaseId stream, BaseId reader) const {
        const auto leaves = leaves_of(stream);
        if (leaves.size() > leaves_.size() ||
            !std::equal(leaves.begin(), leaves.end(), leaves_.begin()))
            refuse(reader, "it reads a sum that is not the stream of the layers before it");
        return leaves.size();
    }

    void embedding() {
        const auto* table = r_.as<Lookup>(leaves_[0].base);
        if (table == nullptr)
            refuse(leaves_[0].base, "the stream does not begin with an embedding");
        spec().embedding = {{table->table}, Matrix::Use::kVocabulary};
        spec().embedding_scale = narrow(leaves_[0].factor);
        spec().hidden = static_cast<std::uint32_t>(table->table->columns());
        say("embedding", leaves_[0].base);
        first_ = 1;
        if (leaves_.size() > 1)
            if (const auto* p = r_.as<Positions>(leaves_[1].base)) {
                const auto first = static_cast<std::uint64_t>(p->first);
                if (p->first < 0 || leaves_[1].factor != 1)
                    refuse(leaves_[1].base,
                           "positions are looked up from a negative one on, or scaled");
                const std::uint64_t n = p->table->rows() - first;
                spec().positions = {{expr::rows(p->table, first, n)}, Matrix::Use::kPlain};
                positions_ = n;
                say("positions", leaves_[1].base);
                first_ = 2;
            }
    }

    // A head that is the embedding the other way round, or twice in the file.
    void share_embedding() {
        Expr& head = spec().head.weight.of.front();
        const Expr& table = spec().embedding.of.front();
        if (head->key() == table->key() || head->rows() != table->rows() ||
            head->columns() != table->columns())
            return;
        std::vector<float> a(table->columns()), b(table->columns());
        for (std::uint64_t r = 0; r < table->rows(); ++r) {
            // A transposed matrix is read by panels: rows one by one only up to the first that
            // differs.
            table->read(r, a);
            head->read(r, b);
            if (a != b)
                return;
            if (r == 0 && table->rows() > 1) {
                const std::vector<float> all = head->values();
                std::vector<float> rest(table->rows() * table->columns());
                table->read(0, rest);
                if (all == rest)
                    head = table;
                return;
            }
        }
    }

    // ---- layers ----

    // A leaf: perhaps a norm of what a part puts out.
    struct Part {
        BaseId leaf = 0, out = 0;  // out: the product, or experts
        double factor = 1;
        Norm after;
        BaseId reads = 0;  // the stream, or a norm of it
        bool is_mixer = false;
        std::optional<BaseId> gate{};  // whose sigmoid is a factor
    };

    Part part(const Sum::Leaf& leaf) {
        Part p{leaf.base, leaf.base, leaf.factor, {}, 0, false, {}};
        if (const auto* n = r_.as<Normed>(leaf.base)) {
            p.after = norm(leaf.base);
            p.out = n->of;
        }
        if (const auto* m = r_.as<Mixture>(p.out)) {
            p.reads = m->of;
            return p;
        }
        if (const auto* g = r_.as<Gated>(p.out)) {
            p.gate = g->gate;
            p.out = g->of;
        }
        const auto* product = r_.as<Product>(p.out);
        if (product == nullptr)
            refuse(p.out, "what is added to the stream is no product with a matrix");
        const BaseId below = below_inner_norm(product->of);
        if (const auto* h = r_.as<Heads>(below)) {
            p.is_mixer = true;
            p.reads = read_through_few(h->q);
        } else if (const auto* c = r_.as<Convolved>(below)) {
            p.is_mixer = true;
            p.reads = input_of(c->b);
        } else if (const auto* a = r_.as<Activated>(below)) {
            p.reads = input_of(a->gate);
        } else {
            refuse(p.out,
                   fmt::format(
                       "it multiplies {}, which is neither attention, a convolution nor a function "
                       "of a feed-forward's products",
                       r_.base(product->of).path));
        }
        return p;
    }

    // What a product reads, below a norm of its outputs.
    BaseId input_of(BaseId id) const {
        if (const auto* c = r_.as<Clipped>(id))
            id = c->of;
        if (const auto* n = r_.as<Normed>(id))
            id = n->of;
        const auto* p = r_.as<Product>(id);
        if (p == nullptr)
            refuse(id, "a product with a matrix was expected");
        if (p->factor != 1)
            refuse(id, "what it reads is scaled");
        return p->of;
    }

    // What attention or a feed-forward's function gives, below a norm that stands before the last
    // product.
    BaseId below_inner_norm(BaseId id) const {
        const auto* n = r_.as<Normed>(id);
        const bool inner =
            n != nullptr && (r_.as<Heads>(n->of) != nullptr || r_.as<Activated>(n->of) != nullptr);
        return inner ? n->of : id;
    }
    Norm inner_norm(BaseId id) { return below_inner_norm(id) == id ? Norm{} : norm(id); }

    // The norm of few columns that a product reads, if it does.
    const Normed* few_read_by(BaseId product) const {
        const auto* n = r_.as<Normed>(input_of(product));
        return n != nullptr && r_.as<Product>(n->of) != nullptr ? n : nullptr;
    }

    // What a product reads, perhaps through another with few columns and their norm.
    BaseId read_through_few(BaseId id) const {
        const Normed* few = few_read_by(id);
        return few == nullptr ? input_of(id) : input_of(few->of);
    }

    std::size_t layer(std::size_t i) {
        if (i + 2 > leaves_.size())
            refuse(leaves_[i].base,
                   "a layer has only one part; attention and a feed-forward are needed");
        Part a = part(leaves_[i]), b = part(leaves_[i + 1]);
        if (!a.is_mixer)
            std::swap(a, b);
        if (!a.is_mixer || b.is_mixer)
            refuse(a.leaf, "a layer is not attention and a feed-forward");
        Layer l;
        const auto [a_stream, a_norm] = normed_input(a.reads, 1.0, a.out);
        const auto [b_stream, b_norm] = normed_input(b.reads, 1.0, b.out);
        if (prefix(a_stream, a.out) != i)
            refuse(a.out, "it does not read the stream as it is before its layer");
        l.parallel = prefix(b_stream, b.out) == i;
        if (!l.parallel && prefix(b_stream, b.out) != i + 1)
            refuse(b.out, "it does not read the stream of its layer");
        if (!l.parallel && a.leaf > b.leaf)
            refuse(a.out, "attention, or a convolution, follows the feed-forward");
        l.mixer_in = a_norm;
        if (!(l.parallel && a.reads == b.reads))
            l.ffn_in = b_norm;
        l.mixer_out = a.after;
        l.ffn_out = b.after;
        const std::optional<Part> beside = shared(i, b);
        const double factor = beside && beside->factor != b.factor ? 1 : residual(l, a, b);
        const std::string name = fmt::format("layer {} ", spec().layers.size());
        if (r_.as<Convolved>(r_.as<Product>(a.out)->of) != nullptr)
            l.mixer = convolution(a, a.factor / factor, name);
        else
            l.mixer = attention(a, a.factor / factor, name);
        if (!beside && b.gate)
            refuse(b.out, "a feed-forward has a gate of one column, and no experts beside it");
        l.ffn = feed_forward(b, b.factor / factor, name);
        if (beside)
            add_shared(std::get<Experts>(l.ffn), *beside, beside->factor / factor, name);
        spec().layers.push_back(std::move(l));
        return i + (beside ? 3 : 2);
    }

    // The feed-forward of all tokens beside experts, which come first or second: `b` becomes the
    // experts.
    std::optional<Part> shared(std::size_t i, Part& b) {
        if (i + 2 >= leaves_.size())
            return {};
        const bool experts = r_.as<Mixture>(b.out) != nullptr;
        const BaseId leaf = leaves_[i + 2].base;
        if (!experts && r_.as<Mixture>(leaf) == nullptr)
            return {};
        if (experts && r_.as<Gated>(leaf) == nullptr &&
            (r_.as<Product>(leaf) == nullptr ||
             r_.as<Activated>(r_.as<Product>(leaf)->of) == nullptr))
            return {};
        Part c = part(leaves_[i + 2]);
        if (c.reads != b.reads || b.after.kind != Norm::Kind::kNone ||
            c.after.kind != Norm::Kind::kNone)
            return {};
        if (!experts)
            std::swap(b, c);
        return c;
    }

    void add_shared(Experts& e, const Part& p, double factor, const std::string& name) {
        e.shared = std::get<FeedForward>(feed_forward(p, factor, name + "shared "));
        if (!p.gate)
            return;
        if (input_of(*p.gate) != p.reads)
            refuse(*p.gate, "the gate of what is shared does not read the same");
        e.shared_gate = linear(*p.gate, 1, Matrix::Use::kFloats);
    }

    // The factor that both parts are added with.
    static double residual(Layer& l, const Part& a, const Part& b) {
        if (a.factor != b.factor)
            return 1;
        l.residual = narrow(a.factor);
        return a.factor;
    }

    ShortConvolution convolution(const Part& p, double factor, const std::string& name) {
        const Product& o = *r_.as<Product>(p.out);
        const Convolved& c = *r_.as<Convolved>(o.of);
        for (const BaseId id : {c.b, c.c, c.x})
            if (input_of(id) != p.reads)
                refuse(id, "the products of a convolution do not read the same");
        ShortConvolution out;
        out.width = r_.base(o.of).width;
        out.taps = c.taps;
        out.b = linear(c.b, 1);
        out.c = linear(c.c, 1);
        out.x = linear(c.x, 1);
        out.out = linear(p.out, o.factor * factor);
        out.weights = expr::reshape(column(c.weights), out.width);
        if (!c.bias.empty())
            out.bias = column(c.bias);
        say(fmt::format("{}convolution of {} positions", name, c.taps), o.of);
        return out;
    }

    Attention attention(const Part& p, double factor, const std::string& name) {
        const Product& o = *r_.as<Product>(p.out);
        const Heads& h = *r_.as<Heads>(below_inner_norm(o.of));
        Attention a;
        a.out_norm = inner_norm(o.of);
        a.heads = h.heads;
        a.kv_heads = h.kv_heads;
        a.k_dim = h.k_dim;
        a.v_dim = h.v_dim;
        a.scale = narrow(h.scale);
        a.soft_cap = narrow(h.soft_cap);
        if (!h.sinks.empty())
            a.sinks = column(h.sinks);
        for (const BaseId id : {h.q, h.k, h.v})
            if (read_through_few(id) != p.reads)
                refuse(id, "queries, keys and values do not read the same");
        if (const Normed* few = few_read_by(h.q)) {
            a.q_low = linear(few->of, 1);
            a.q_low_norm = norm(input_of(h.q));
        }
        if (h.shared)
            latent(a, h, *h.shared, p);
        else if (few_read_by(h.k) != nullptr || few_read_by(h.v) != nullptr)
            refuse(h.k, "keys or values of few columns have no part that all heads share");
        std::tie(a.q, a.q_norm) = projected(unclipped(h.q, a.clip));
        if (!h.shared) {
            std::tie(a.k, a.k_norm) = projected(unclipped(h.k, a.clip));
            a.v = linear(unclipped(h.v, a.clip), 1);
        }
        const bool all = r_.as<Clipped>(h.q) != nullptr && r_.as<Clipped>(h.k) != nullptr &&
                         r_.as<Clipped>(h.v) != nullptr;
        if (a.clip != 0 && !all)
            refuse(h.q, "some of queries, keys and values are clipped, and some are not");
        a.o = linear(p.out, o.factor * factor);
        if (!h.frequencies.empty())
            a.rotary = table(h);
        const Seen seen = seen_by(g_, roles_, h.masks, r_.base(o.of).path);
        a.window = seen.window;
        if (seen.limit)
            limit_ = std::min(limit_.value_or(*seen.limit), *seen.limit);
        say(fmt::format("{}attention {}x{}{}", name, h.heads, h.k_dim,
                        seen.window != 0 ? fmt::format(" window {}", seen.window) : ""),
            o.of);
        return a;
    }

    // Keys and values made of one row of few columns, and what is turned beside them.
    void latent(Attention& a, const Heads& h, BaseId shared, const Part& p) {
        const Normed* few = few_read_by(h.k);
        if (few == nullptr || few_read_by(h.v) != few)
            refuse(h.k, "keys and values are not made of the norm of the same few columns");
        if (input_of(shared) != p.reads)
            refuse(shared, "the keys that heads share do not read what the others do");
        const auto turned = static_cast<std::uint32_t>(2 * h.frequencies.size());
        const std::uint32_t plain = h.k_dim - turned;
        const Linear own = linear(h.k, 1);
        if (!own.bias.empty() || h.kv_heads != h.heads || plain == 0)
            refuse(h.k, "keys of a latent row have biases, or are shared by heads");
        a.latent = linear(few->of, 1);
        a.latent_norm = norm(input_of(h.k));
        a.shared_rotary = linear(shared, 1);
        const Expr& matrix = own.weight.of.front();
        std::vector<Expr> parts;
        for (std::uint64_t i = 0; i < h.heads; ++i) {
            parts.push_back(expr::filled(turned, matrix->columns(), 0));
            parts.push_back(expr::rows(matrix, i * plain, plain));
        }
        a.k.weight.of = {expr::stack(std::move(parts))};
        a.v = linear(h.v, 1);
    }

    // What is clipped; all that are have one limit.
    BaseId unclipped(BaseId id, float& limit) {
        const auto* c = r_.as<Clipped>(id);
        if (c == nullptr)
            return id;
        if (limit != 0 && limit != narrow(c->limit))
            refuse(id, "queries, keys and values are clipped at different limits");
        limit = narrow(c->limit);
        return c->of;
    }

    std::pair<Linear, Norm> projected(BaseId id) {
        if (const auto* n = r_.as<Normed>(id))
            return {linear(n->of, 1), norm(id)};
        return {linear(id, 1), {}};
    }

    std::uint32_t table(const Heads& h) {
        RotaryTable t;
        t.frequencies = with_a_base(h.frequencies);
        t.amplitude = h.amplitude;
        for (std::uint32_t i = 0; i < spec().rotary.size(); ++i)
            if (alike(spec().rotary[i], t))
                return i;
        spec().rotary.push_back(std::move(t));
        return static_cast<std::uint32_t>(spec().rotary.size() - 1);
    }

    std::variant<FeedForward, Experts> feed_forward(const Part& p, double factor,
                                                    const std::string& name) {
        if (const auto* m = r_.as<Mixture>(p.out))
            return experts(*m, p, factor, name);
        const Product& down = *r_.as<Product>(p.out);
        const Activated& mid = *r_.as<Activated>(below_inner_norm(down.of));
        FeedForward f;
        f.mid_norm = inner_norm(down.of);
        f.function.activation = static_cast<isa::Activation>(mid.function);
        f.function.parameters = mid.parameters;
        if (mid.up) {
            if (input_of(*mid.up) != p.reads)
                refuse(*mid.up, "both sides of a gate do not read the same");
            f.gate = linear(mid.gate, 1);
            f.up = linear(*mid.up, 1);
        } else {
            f.up = linear(mid.gate, 1);
        }
        f.down = linear(p.out, down.factor * factor);
        say(fmt::format("{}feed-forward", name), p.out);
        return f;
    }

    Experts experts(const Mixture& m, const Part& p, double factor, const std::string& name) {
        Experts e;
        e.count = m.count;
        e.chosen = m.chosen;
        e.score = static_cast<isa::Score>(m.score);
        e.renormalise = m.renormalise;
        e.scale = narrow(m.scale * factor);
        // What keeps a sum of sigmoids from being nothing.
        if (m.renormalise && e.score == isa::Score::Sigmoid)
            e.eps = 1e-20f;
        e.groups = m.groups;
        e.groups_kept = m.groups_kept;
        e.group_sum2 = m.group_sum2;
        e.mask_out = m.mask_out;
        if (!m.choice_bias.empty())
            e.choice_bias = column(m.choice_bias);
        e.router = linear(m.router, 1, Matrix::Use::kFloats);
        e.expert.function.activation = static_cast<isa::Activation>(m.function);
        e.expert.function.parameters = m.parameters;
        e.expert.gate.weight.of = m.gates;
        e.expert.up.weight.of = m.ups;
        e.expert.down.weight.of = m.downs;
        const auto columns = [](const std::vector<std::vector<double>>& all) {
            std::vector<Expr> out;
            for (const auto& bias : all)
                if (!bias.empty())
                    out.push_back(column(bias));
            return out;
        };
        if (!m.gates.empty())
            e.expert.gate.bias = columns(m.gate_biases);
        e.expert.up.bias = columns(m.up_biases);
        e.expert.down.bias = columns(m.down_biases);
        say(fmt::format("{}{} of {} experts", name, m.chosen, m.count), p.out);
        return e;
    }

  public:
    std::optional<std::uint64_t> positions() const { return positions_; }
    std::optional<std::int64_t> limit() const { return limit_; }

  private:
    Recogniser& r_;
    const graphs::TensorGraph& g_;
    const Roles& roles_;
    Raised out_;
    std::vector<Sum::Leaf> leaves_;
    std::size_t first_ = 1;
    std::optional<std::uint64_t> positions_;
    std::optional<std::int64_t> limit_;
};

}  // namespace

Raised describe(Recogniser& r, const Value& logits, const graphs::TensorGraph& g,
                const Roles& roles) {
    constexpr std::uint32_t kDefaultContext = 1u << 17, kMostContext = 1u << 24;
    Describer d(r, g, roles);
    Raised out = d.run(logits);
    std::uint64_t longest = kMostContext;
    bool limited = false;
    const auto at_most = [&](std::uint64_t n) {
        longest = std::min(longest, n);
        limited = true;
    };
    if (const auto positions = d.positions())
        at_most(*positions);
    if (const auto limit = d.limit())
        at_most(static_cast<std::uint64_t>(*limit));
    if (const auto fixed = roles.fixed_tokens())
        at_most(static_cast<std::uint64_t>(*fixed));
    out.spec.longest = static_cast<std::uint32_t>(longest);
    out.spec.context = limited ? out.spec.longest : std::min(kDefaultContext, out.spec.longest);
    return out;
}

}  // namespace skald::compiler::raising
