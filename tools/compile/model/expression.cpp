// SPDX-License-Identifier: MIT
#include "model/expression.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <mutex>
#include <numeric>

#include "error.hpp"

namespace skald::compiler {

std::optional<SourceRow> Expression::source(std::uint64_t) const {
    return std::nullopt;
}

std::string Expression::name() const {
    std::string name;
    each_tensor([&](const Tensor& t) {
        if (name.empty())
            name = t.name;
    });
    return name.empty() ? "computed" : name;
}

std::string Expression::types() const {
    std::vector<std::string> types;
    each_tensor([&](const Tensor& t) {
        if (types.empty() || types.back() != name_of(t.type))
            types.emplace_back(name_of(t.type));
    });
    return fmt::format("{}", fmt::join(types, "|"));
}

std::vector<float> Expression::values() const {
    std::vector<float> out(rows_ * columns_);
    read(0, out);
    return out;
}

namespace expr {
namespace {

class TensorRows final : public Expression {
  public:
    explicit TensorRows(const Tensor& t)
        : Expression(t.rows(), t.row_length(), fmt::format("{}@{}", t.name, fmt::ptr(&t))), t_(t) {}

    void read(std::uint64_t first, std::span<float> out) const override {
        for (std::size_t at = 0; at < out.size(); at += columns())
            row_to_f32(t_, first++, out.subspan(at, columns()));
    }
    std::optional<SourceRow> source(std::uint64_t r) const override { return SourceRow{&t_, r}; }
    void each_tensor(const std::function<void(const Tensor&)>& f) const override { f(t_); }

  private:
    const Tensor& t_;
};

class TensorColumn final : public Expression {
  public:
    explicit TensorColumn(const Tensor& t)
        : Expression(t.row_length(), 1, fmt::format("column {}@{}", t.name, fmt::ptr(&t))), t_(t) {}

    void read(std::uint64_t first, std::span<float> out) const override {
        std::vector<float> all(rows());
        row_to_f32(t_, 0, all);
        std::copy_n(all.begin() + static_cast<std::ptrdiff_t>(first), out.size(), out.begin());
    }
    void each_tensor(const std::function<void(const Tensor&)>& f) const override { f(t_); }

  private:
    const Tensor& t_;
};

class Share final : public Expression {
  public:
    Share(Expr e, std::uint64_t first, std::uint64_t count)
        : Expression(count, e->columns(),
                     fmt::format("share({}+{} of {})", first, count, e->key())),
          e_(std::move(e)),
          first_(first) {}

    void read(std::uint64_t first, std::span<float> out) const override {
        e_->read(first_ + first, out);
    }
    std::optional<SourceRow> source(std::uint64_t r) const override {
        return e_->source(first_ + r);
    }
    Numbers numbers() const override { return e_->numbers(); }
    const std::string& whole_key() const override { return e_->key(); }
    void each_tensor(const std::function<void(const Tensor&)>& f) const override {
        e_->each_tensor(f);
    }

  private:
    Expr e_;
    std::uint64_t first_;
};

class ChosenRows final : public Expression {
  public:
    ChosenRows(Expr e, RowMap map)
        : Expression(map.count, e->columns(),
                     fmt::format("rows({} {}*{}+[{}] of {})", map.count, map.first, map.step,
                                 fmt::join(map.inner, ","), e->key())),
          e_(std::move(e)),
          map_(std::move(map)) {
        if (columns() == 1 && e_->rows() <= kSmall)
            small_ = e_->values();
    }

    void read(std::uint64_t first, std::span<float> out) const override {
        if (!small_.empty()) {
            for (float& x : out)
                x = small_[map_.at(first++)];
            return;
        }
        // Neighbours are read together.
        for (std::size_t at = 0; at < out.size();) {
            const std::uint64_t from = map_.at(first);
            std::uint64_t n = 1;
            while (at + n * columns() < out.size() && map_.at(first + n) == from + n)
                ++n;
            e_->read(from, out.subspan(at, n * columns()));
            at += n * columns();
            first += n;
        }
    }
    std::optional<SourceRow> source(std::uint64_t r) const override {
        return e_->source(map_.at(r));
    }
    Numbers numbers() const override { return e_->numbers(); }
    void each_tensor(const std::function<void(const Tensor&)>& f) const override {
        e_->each_tensor(f);
    }

    const Expr& of() const { return e_; }
    const RowMap& map() const { return map_; }

  private:
    static constexpr std::uint64_t kSmall = 1u << 20;
    Expr e_;
    RowMap map_;
    std::vector<float> small_;  // of a vector, all of what is chosen from
};

// Reads as many rows of its source as fit a bounded panel, and takes the columns asked for; of
// plain floats in a file it reads no others.
class Transposed final : public Expression {
  public:
    explicit Transposed(Expr e)
        : Expression(e->columns(), e->rows(), fmt::format("transpose({})", e->key())),
          e_(std::move(e)) {}

    void read(std::uint64_t first, std::span<float> out) const override {
        const std::uint64_t count = out.size() / columns();
        const bool few = is_plain(0) && count < e_->columns();
        const std::uint64_t wide = few ? count : e_->columns(), skipped = few ? 0 : first;
        const std::uint64_t panel =
            few ? std::max(kLine, kFew / wide) : std::max<std::uint64_t>(1, kPanel / wide);
        std::vector<float> rows(std::min(panel, e_->rows()) * wide);
        for (std::uint64_t begin = 0; begin < e_->rows(); begin += panel) {
            const std::uint64_t n = std::min(panel, e_->rows() - begin);
            if (few)
                read_parts(begin, n, first, count, rows);
            else
                e_->read(begin, std::span(rows).first(n * wide));
            for (std::uint64_t c = 0; c < count; ++c)
                for (std::uint64_t r = 0; r < n; ++r)
                    out[c * columns() + begin + r] = rows[r * wide + skipped + c];
        }
    }
    void each_tensor(const std::function<void(const Tensor&)>& f) const override {
        e_->each_tensor(f);
    }

    const Expr& of() const { return e_; }

  private:
    bool is_plain(std::uint64_t row) const {
        const auto s = e_->source(row);
        return s && info_of(s->tensor->type).block == 1 && info_of(s->tensor->type).weights &&
               info_of(s->tensor->type).block_bytes != 0;
    }

    // Columns [first, first + count) of rows [begin, begin + n).
    void read_parts(std::uint64_t begin, std::uint64_t n, std::uint64_t first, std::uint64_t count,
                    std::span<float> out) const {
        Tensor part;
        part.shape = {count};
        for (std::uint64_t r = 0; r < n; ++r) {
            const auto to = out.subspan(r * count, count);
            const auto s = e_->source(begin + r);
            if (!s || !is_plain(begin + r)) {
                std::vector<float> row(e_->columns());
                e_->read(begin + r, row);
                std::copy_n(row.begin() + static_cast<std::ptrdiff_t>(first), count, to.begin());
                continue;
            }
            if (r == 0 || part.type != s->tensor->type)
                part.name = s->tensor->name;
            part.type = s->tensor->type;
            const std::uint64_t bytes = info_of(part.type).block_bytes;
            part.data = s->tensor->row(s->row).subspan(first * bytes, count * bytes);
            row_to_f32(part, 0, to);
        }
    }

    static constexpr std::uint64_t kPanel = 1u << 18;  // numbers
    static constexpr std::uint64_t kFew = 1u << 12;    // that stay near while they are turned
    static constexpr std::uint64_t kLine = 16;         // that lie together where they are put
    Expr e_;
};

std::string keys_of(const std::vector<Expr>& parts) {
    std::string keys;
    for (const Expr& e : parts)
        keys += (keys.empty() ? "" : "; ") + e->key();
    return keys;
}

class Stacked final : public Expression {
  public:
    explicit Stacked(std::vector<Expr> parts)
        : Expression(std::accumulate(parts.begin(), parts.end(), std::uint64_t{0},
                                     [](std::uint64_t n, const Expr& e) { return n + e->rows(); }),
                     parts.front()->columns(), fmt::format("stack({})", keys_of(parts))),
          parts_(std::move(parts)) {
        std::uint64_t begin = 0;
        for (const Expr& e : parts_) {
            if (e->columns() != columns())
                fail("internal error: {} of {} columns is stacked on {} of {}", e->name(),
                     e->columns(), parts_.front()->name(), columns());
            begins_.push_back(begin);
            begin += e->rows();
        }
    }

    void read(std::uint64_t first, std::span<float> out) const override {
        while (!out.empty()) {
            const std::size_t part = part_of(first);
            const std::uint64_t in_part = first - begins_[part];
            const std::uint64_t n =
                std::min<std::uint64_t>(parts_[part]->rows() - in_part, out.size() / columns());
            parts_[part]->read(in_part, out.first(n * columns()));
            out = out.subspan(n * columns());
            first += n;
        }
    }
    std::optional<SourceRow> source(std::uint64_t r) const override {
        const std::size_t part = part_of(r);
        return parts_[part]->source(r - begins_[part]);
    }
    Numbers numbers() const override {
        const Numbers first = parts_.front()->numbers();
        const bool all = std::all_of(parts_.begin(), parts_.end(),
                                     [&](const Expr& e) { return e->numbers() == first; });
        return all ? first : Numbers::kAny;
    }
    void each_tensor(const std::function<void(const Tensor&)>& f) const override {
        for (const Expr& e : parts_)
            e->each_tensor(f);
    }

  private:
    std::size_t part_of(std::uint64_t row) const {
        return static_cast<std::size_t>(std::upper_bound(begins_.begin(), begins_.end(), row) -
                                        begins_.begin()) -
               1;
    }

    std::vector<Expr> parts_;
    std::vector<std::uint64_t> begins_;
};

class Reshaped final : public Expression {
  public:
    Reshaped(Expr e, std::uint64_t columns)
        : Expression(e->rows() * e->columns() / columns, columns,
                     fmt::format("reshape({} {})", columns, e->key())),
          e_(std::move(e)) {}

    void read(std::uint64_t first, std::span<float> out) const override {
        const std::uint64_t begin = first * columns(), wide = e_->columns();
        const std::uint64_t from = begin / wide, to = isa_ceil(begin + out.size(), wide);
        std::vector<float> all((to - from) * wide);
        e_->read(from, all);
        std::copy_n(all.begin() + static_cast<std::ptrdiff_t>(begin - from * wide), out.size(),
                    out.begin());
    }
    void each_tensor(const std::function<void(const Tensor&)>& f) const override {
        e_->each_tensor(f);
    }

  private:
    static std::uint64_t isa_ceil(std::uint64_t a, std::uint64_t b) { return (a + b - 1) / b; }

    Expr e_;
};

// factor * e + addend, rounded once (one of the two does nothing).
class Affine final : public Expression {
  public:
    Affine(Expr e, float factor, float addend)
        : Expression(e->rows(), e->columns(),
                     fmt::format("affine({:a} {:a} {})", factor, addend, e->key())),
          e_(std::move(e)),
          factor_(factor),
          addend_(addend) {}

    void read(std::uint64_t first, std::span<float> out) const override {
        e_->read(first, out);
        for (float& x : out)
            x = x * factor_ + addend_;
    }
    void each_tensor(const std::function<void(const Tensor&)>& f) const override {
        e_->each_tensor(f);
    }

  private:
    Expr e_;
    float factor_, addend_;
};

class Sum final : public Expression {
  public:
    Sum(Expr a, Expr b)
        : Expression(a->rows(), a->columns(), fmt::format("sum({}; {})", a->key(), b->key())),
          a_(std::move(a)),
          b_(std::move(b)) {}

    void read(std::uint64_t first, std::span<float> out) const override {
        std::vector<float> other(out.size());
        a_->read(first, out);
        b_->read(first, other);
        for (std::size_t i = 0; i < out.size(); ++i)
            out[i] += other[i];
    }
    void each_tensor(const std::function<void(const Tensor&)>& f) const override {
        a_->each_tensor(f);
        b_->each_tensor(f);
    }

  private:
    Expr a_, b_;
};

// In double, rounded once: what adapters change is small.
class LowRank final : public Expression {
  public:
    LowRank(Expr b, Expr a, float factor)
        : Expression(b->rows(), a->columns(),
                     fmt::format("product({:a} {}; {})", factor, b->key(), a->key())),
          b_(std::move(b)),
          a_(std::move(a)),
          factor_(factor) {}

    void read(std::uint64_t first, std::span<float> out) const override {
        std::call_once(once_, [&] { whole_ = a_->values(); });
        const std::uint64_t rank = b_->columns(), wide = columns();
        std::vector<float> b(out.size() / wide * rank);
        b_->read(first, b);
        std::vector<double> row(wide);
        for (std::uint64_t r = 0; r < out.size() / wide; ++r) {
            std::fill(row.begin(), row.end(), 0.0);
            for (std::uint64_t i = 0; i < rank; ++i)
                for (std::uint64_t k = 0; k < wide; ++k)
                    row[k] += double{b[r * rank + i]} * whole_[i * wide + k];
            for (std::uint64_t k = 0; k < wide; ++k)
                out[r * wide + k] = static_cast<float>(row[k] * factor_);
        }
    }
    void each_tensor(const std::function<void(const Tensor&)>& f) const override {
        b_->each_tensor(f);
        a_->each_tensor(f);
    }

  private:
    Expr b_, a_;
    float factor_;
    mutable std::once_flag once_;
    mutable std::vector<float> whole_;
};

class List final : public Expression {
  public:
    List(std::uint64_t rows, std::uint64_t columns, std::vector<float> values)
        : Expression(rows, columns, key_of(rows, columns, values)), values_(std::move(values)) {}

    void read(std::uint64_t first, std::span<float> out) const override {
        for (std::size_t i = 0; i < out.size(); ++i)
            out[i] = values_[(first * columns() + i) % values_.size()];
    }
    void each_tensor(const std::function<void(const Tensor&)>&) const override {}

  private:
    static std::string key_of(std::uint64_t rows, std::uint64_t columns,
                              const std::vector<float>& values) {
        std::string key = fmt::format("list({} {}", rows, columns);
        for (const float x : values)
            key += fmt::format(" {:a}", x);
        return key + ")";
    }

    std::vector<float> values_;
};

class Decoded final : public Expression {
  public:
    Decoded(std::string_view scheme, std::vector<const Tensor*> from, std::uint64_t rows,
            std::uint64_t columns, Decode decode, Numbers numbers)
        : Expression(rows, columns, key_of(scheme, from)),
          from_(std::move(from)),
          decode_(std::move(decode)),
          numbers_(numbers) {}

    Numbers numbers() const override { return numbers_; }

    void read(std::uint64_t first, std::span<float> out) const override {
        decode_(from_, first, out);
    }
    void each_tensor(const std::function<void(const Tensor&)>& f) const override {
        for (const Tensor* t : from_)
            f(*t);
    }

  private:
    static std::string key_of(std::string_view scheme, const std::vector<const Tensor*>& from) {
        std::string key = fmt::format("{}(", scheme);
        for (const Tensor* t : from)
            key += fmt::format("{}@{} ", t->name, fmt::ptr(t));
        return key + ")";
    }

    std::vector<const Tensor*> from_;
    Decode decode_;
    Numbers numbers_;
};

template <typename T, typename... Args>
Expr make(Args&&... args) {
    return std::make_shared<const T>(std::forward<Args>(args)...);
}

// Inner rows that follow each other, as many as a step: plain neighbours.
void simplify(RowMap& map) {
    if (map.inner.size() < 2 || map.step != map.inner.size())
        return;
    for (std::size_t i = 1; i < map.inner.size(); ++i)
        if (map.inner[i] != map.inner[0] + i)
            return;
    map.first += map.inner[0];
    map.step = 1;
    map.inner = {0};
}

bool neighbours(const RowMap& map) {
    return map.step == 1 && map.inner.size() == 1;
}

}  // namespace

Expr tensor(const Tensor& t) {
    if (t.shape.size() < 2)
        return make<TensorColumn>(t);
    return make<TensorRows>(t);
}

Expr rows(const Expr& e, RowMap map) {
    simplify(map);
    if (map.inner.size() == 1) {
        map.first += map.inner[0];
        map.inner[0] = 0;
    }
    if (neighbours(map) && map.first == 0 && map.count == e->rows())
        return e;
    for (const std::uint64_t r : {std::uint64_t{0}, map.count - 1})
        if (map.count == 0 || map.at(r) >= e->rows())
            fail("internal error: row {} of {} is asked for, which has {}", map.at(r), e->name(),
                 e->rows());
    // Rows of a run of neighbours are rows of what that is a run of.
    if (const auto* inner = dynamic_cast<const ChosenRows*>(e.get());
        inner && neighbours(inner->map())) {
        map.first += inner->map().first;
        return rows(inner->of(), std::move(map));
    }
    return make<ChosenRows>(e, std::move(map));
}

Expr share(const Expr& e, std::uint64_t first, std::uint64_t count) {
    return first == 0 && count == e->rows() ? e : make<Share>(e, first, count);
}

Expr transpose(const Expr& e) {
    if (const auto* twice = dynamic_cast<const Transposed*>(e.get()))
        return twice->of();
    return make<Transposed>(e);
}

Expr stack(std::vector<Expr> parts) {
    if (parts.size() == 1)
        return parts.front();
    return make<Stacked>(std::move(parts));
}

Expr reshape(const Expr& e, std::uint64_t columns) {
    return e->columns() == columns ? e : make<Reshaped>(e, columns);
}

Expr plus(const Expr& e, float addend) {
    return addend == 0 ? e : make<Affine>(e, 1.0f, addend);
}

Expr times(const Expr& e, float factor) {
    return factor == 1 ? e : make<Affine>(e, factor, 0.0f);
}

Expr sum(const Expr& a, const Expr& b) {
    return make<Sum>(a, b);
}

Expr product(const Expr& b, const Expr& a, float factor) {
    return make<LowRank>(b, a, factor);
}

Expr filled(std::uint64_t rows, std::uint64_t columns, float value) {
    return make<List>(rows, columns, std::vector<float>{value});
}

Expr list(std::vector<float> values) {
    const std::uint64_t n = values.size();
    return make<List>(n, std::uint64_t{1}, std::move(values));
}

Expr decoded(std::string_view scheme, std::vector<const Tensor*> from, std::uint64_t rows,
             std::uint64_t columns, Decode decode, Numbers numbers) {
    return make<Decoded>(scheme, std::move(from), rows, columns, std::move(decode), numbers);
}

}  // namespace expr
}  // namespace skald::compiler
