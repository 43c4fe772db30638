// SPDX-License-Identifier: MIT
#include "import/state_dict.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include "error.hpp"
#include "import/zip_archive.hpp"
#include "input/byte_reader.hpp"

namespace skald::compiler::graphs {
namespace {

// What a pickle is made of. Items refer to each other by pointers into the machine's deque: they
// may well be in a ring.
struct Item;
struct Nothing {};  // None, or what is of no use here
struct Global {
    std::string name;  // "torch._utils _rebuild_tensor_v2"
};
struct Storage {
    DType type;
    std::span<const std::byte> data;
    bool complex = false;
};
using Tuple = std::vector<const Item*>;
struct Pairs {
    std::vector<std::pair<const Item*, const Item*>> of;
};
struct Item {
    std::variant<Nothing, std::int64_t, std::string, Global, Tuple, Pairs, Storage, StoredTensor>
        is;

    template <typename T>
    const T* as() const {
        return std::get_if<T>(&is);
    }
};

// The type of a part of a complex number.
std::optional<DType> complex_storage_type(std::string_view name) {
    if (name == "torch ComplexFloatStorage")
        return DType::kF32;
    if (name == "torch ComplexDoubleStorage")
        return DType::kF64;
    return {};
}

std::optional<DType> storage_type(std::string_view name) {
    constexpr auto kTypes = std::to_array<std::pair<std::string_view, DType>>({
        {"torch FloatStorage", DType::kF32},
        {"torch HalfStorage", DType::kF16},
        {"torch BFloat16Storage", DType::kBF16},
        {"torch DoubleStorage", DType::kF64},
        {"torch LongStorage", DType::kI64},
        {"torch IntStorage", DType::kI32},
        {"torch ShortStorage", DType::kI16},
        {"torch CharStorage", DType::kI8},
        {"torch ByteStorage", DType::kU8},
        {"torch BoolStorage", DType::kBool},
    });
    for (const auto& [own, type] : kTypes)
        if (own == name)
            return type;
    return {};
}

enum class Op : std::uint8_t {
    kMark = '(',
    kStop = '.',
    kPop = '0',
    kPopMark = '1',
    kBinFloat = 'G',
    kBinInt = 'J',
    kBinInt1 = 'K',
    kBinInt2 = 'M',
    kNone = 'N',
    kBinPersId = 'Q',
    kReduce = 'R',
    kBinUnicode = 'X',
    kEmptyList = ']',
    kAppend = 'a',
    kBuild = 'b',
    kGlobal = 'c',
    kAppends = 'e',
    kBinGet = 'h',
    kLongBinGet = 'j',
    kBinPut = 'q',
    kLongBinPut = 'r',
    kSetItem = 's',
    kTuple = 't',
    kSetItems = 'u',
    kEmptyDict = '}',
    kEmptyTuple = ')',
    kProto = 0x80,
    kNewObject = 0x81,
    kTuple1 = 0x85,
    kTuple2 = 0x86,
    kTuple3 = 0x87,
    kNewTrue = 0x88,
    kNewFalse = 0x89,
    kLong1 = 0x8a,
    kShortBinUnicode = 0x8c,
    kStackGlobal = 0x93,
    kMemoize = 0x94,
    kFrame = 0x95,
};

class Machine {
  public:
    Machine(const ZipEntries& zip, std::string folder)
        : zip_(zip), folder_(std::move(folder)), r_(zip.name(), zip.get(folder_ + "data.pkl")) {}

    // What the pickle leaves.
    const Item* run() {
        for (;;) {
            const auto op = static_cast<Op>(r_.get<std::uint8_t>("an operation of a pickle"));
            if (op == Op::kStop)
                return pop();
            carry_out(op);
        }
    }

  private:
    [[noreturn]] void reject(std::string_view what) const { r_.reject(what); }

    template <typename T>
    void push(T value) {
        stack_.push_back(&items_.emplace_back(Item{std::move(value)}));
    }
    Item* pop() {
        if (stack_.empty() || stack_.back() == nullptr)
            reject("a pickle takes what is not there");
        Item* top = stack_.back();
        stack_.pop_back();
        return top;
    }
    Item* top() {
        if (stack_.empty() || stack_.back() == nullptr)
            reject("a pickle takes what is not there");
        return stack_.back();
    }
    Tuple to_mark() {
        const auto mark = std::find(stack_.rbegin(), stack_.rend(), nullptr);
        if (mark == stack_.rend())
            reject("a pickle has no mark where one is needed");
        const Tuple all(mark.base(), stack_.end());
        stack_.erase(mark.base() - 1, stack_.end());
        return all;
    }
    Tuple last(std::size_t n) {
        Tuple all(n);
        for (std::size_t i = n; i-- > 0;)
            all[i] = pop();
        return all;
    }

    std::string text(std::uint64_t bytes) {
        const auto data = r_.take(bytes, "a text of a pickle");
        return {reinterpret_cast<const char*>(data.data()), data.size()};
    }
    std::string line() {
        std::string out;
        for (;;) {
            const char c = r_.get<char>("a name of a pickle");
            if (c == '\n')
                return out;
            out.push_back(c);
        }
    }

    void carry_out(Op op) {
        switch (op) {
            case Op::kProto:
                return void(r_.get<std::uint8_t>("a version"));
            case Op::kFrame:
                return void(r_.get<std::uint64_t>("a frame"));
            case Op::kMark:
                return stack_.push_back(nullptr);
            case Op::kPop:
                return void(pop());
            case Op::kPopMark:
                return void(to_mark());
            case Op::kNone:
                return push(Nothing{});
            case Op::kNewTrue:
                return push(std::int64_t{1});
            case Op::kNewFalse:
                return push(std::int64_t{0});
            case Op::kBinInt:
                return push(std::int64_t{r_.get<std::int32_t>("a number")});
            case Op::kBinInt1:
                return push(std::int64_t{r_.get<std::uint8_t>("a number")});
            case Op::kBinInt2:
                return push(std::int64_t{r_.get<std::uint16_t>("a number")});
            case Op::kLong1:
                return push(long_number());
            case Op::kBinFloat:
                r_.take(8, "a number");
                return push(Nothing{});
            case Op::kBinUnicode:
                return push(text(r_.get<std::uint32_t>("a length")));
            case Op::kShortBinUnicode:
                return push(text(r_.get<std::uint8_t>("a length")));
            case Op::kGlobal: {
                const std::string module = line();
                return push(Global{module + " " + line()});
            }
            case Op::kStackGlobal: {
                const Tuple names = last(2);
                const auto *module = names[0]->as<std::string>(),
                           *own = names[1]->as<std::string>();
                if (module == nullptr || own == nullptr)
                    reject("a pickle names something by what is no text");
                return push(Global{*module + " " + *own});
            }
            case Op::kEmptyTuple:
            case Op::kEmptyList:
                return push(Tuple{});
            case Op::kEmptyDict:
                return push(Pairs{});
            case Op::kTuple:
                return push(to_mark());
            case Op::kTuple1:
            case Op::kTuple2:
            case Op::kTuple3:
                return push(last(static_cast<std::size_t>(op) - 0x84));
            case Op::kAppend: {
                const Item* item = pop();
                return append({item});
            }
            case Op::kAppends:
                return append(to_mark());
            case Op::kSetItem:
                return set(last(2));
            case Op::kSetItems:
                return set(to_mark());
            case Op::kBuild:
                // The state of an object, as of a module's dictionary the versions of its parts.
                return void(pop());
            case Op::kBinPut:
                return put(r_.get<std::uint8_t>("a place"));
            case Op::kLongBinPut:
                return put(r_.get<std::uint32_t>("a place"));
            case Op::kMemoize:
                return put(memo_.size());
            case Op::kBinGet:
                return get(r_.get<std::uint8_t>("a place"));
            case Op::kLongBinGet:
                return get(r_.get<std::uint32_t>("a place"));
            case Op::kBinPersId:
                return storage();
            case Op::kReduce:
            case Op::kNewObject:
                return call();
            case Op::kStop:
                break;
        }
        reject("an operation of a pickle is not known");
    }

    std::int64_t long_number() {
        const auto bytes = r_.take(r_.get<std::uint8_t>("a length"), "a number");
        if (bytes.size() > sizeof(std::uint64_t))
            reject("a number of a pickle is too large");
        std::uint64_t number = 0;
        for (std::size_t i = bytes.size(); i-- > 0;)
            number = number << 8 | std::to_integer<std::uint64_t>(bytes[i]);
        if (!bytes.empty() && bytes.size() < sizeof number &&
            (std::to_integer<unsigned>(bytes.back()) & 0x80) != 0)
            number |= ~std::uint64_t{0} << 8 * bytes.size();
        return static_cast<std::int64_t>(number);
    }

    void append(const Tuple& items) {
        if (auto* list = std::get_if<Tuple>(&top()->is))
            list->insert(list->end(), items.begin(), items.end());
    }

    void set(const Tuple& items) {
        auto* pairs = std::get_if<Pairs>(&top()->is);
        if (pairs == nullptr)
            return;
        for (std::size_t i = 0; i + 1 < items.size(); i += 2)
            pairs->of.emplace_back(items[i], items[i + 1]);
    }

    void put(std::uint64_t at) { memo_[at] = top(); }
    void get(std::uint64_t at) {
        const auto it = memo_.find(at);
        if (it == memo_.end())
            reject("a pickle takes what is not there");
        stack_.push_back(it->second);
    }

    // ("storage", its type, its entry, a device, how many)
    void storage() {
        const auto* id = pop()->as<Tuple>();
        if (id == nullptr || id->size() < 3)
            reject("a storage of a pickle is of a form that is not known");
        const auto* type = (*id)[1]->as<Global>();
        const auto* key = (*id)[2]->as<std::string>();
        if (type == nullptr || key == nullptr)
            reject("a storage of a pickle is of a form that is not known");
        const auto numbers = storage_type(type->name);
        const auto parts = complex_storage_type(type->name);
        if (!numbers && !parts)
            return push(Nothing{});  // refused where somebody needs it
        push(Storage{numbers ? *numbers : *parts, zip_.get(folder_ + "data/" + *key),
                     parts.has_value()});
    }

    void call() {
        const auto* arguments = pop()->as<Tuple>();
        const Item* callee = pop();
        const auto* what = callee->as<Global>();
        if (arguments == nullptr || what == nullptr)
            return push(Nothing{});
        called(what->name, *arguments);
    }

    void called(std::string_view name, const Tuple& arguments) {
        if (name == "collections OrderedDict" && arguments.empty())
            return push(Pairs{});
        if (name == "torch._utils _rebuild_tensor_v2" && arguments.size() >= 4)
            return tensor(arguments);
        if (name.starts_with("torch._utils _rebuild_parameter") && !arguments.empty())
            return stack_.push_back(const_cast<Item*>(arguments[0]));
        // A tensor with attributes of its own: how it was made is in the arguments.
        if (name == "torch._tensor _rebuild_from_type_v2" && arguments.size() >= 3) {
            const auto* how = arguments[0]->as<Global>();
            const auto* with = arguments[2]->as<Tuple>();
            if (how != nullptr && with != nullptr && how->name.starts_with("torch._utils "))
                return called(how->name, *with);
        }
        push(Nothing{});
    }

    static std::optional<std::vector<std::uint64_t>> sizes(const Item* item) {
        const auto* all = item->as<Tuple>();
        if (all == nullptr)
            return {};
        std::vector<std::uint64_t> out;
        for (const Item* i : *all) {
            const auto* n = i->as<std::int64_t>();
            if (n == nullptr || *n < 0)
                return {};
            out.push_back(static_cast<std::uint64_t>(*n));
        }
        return out;
    }

    // (its storage, where it begins, its shape, steps between neighbours, ...)
    void tensor(const Tuple& arguments) {
        const auto* storage = arguments[0]->as<Storage>();
        const auto* offset = arguments[1]->as<std::int64_t>();
        auto shape = sizes(arguments[2]), strides = sizes(arguments[3]);
        if (storage == nullptr || offset == nullptr || *offset < 0 || !shape || !strides)
            return push(Nothing{});
        push(StoredTensor{storage->type, *std::move(shape), *std::move(strides),
                          static_cast<std::uint64_t>(*offset), storage->data, storage->complex});
    }

    const ZipEntries& zip_;
    std::string folder_;
    ByteReader r_;
    std::deque<Item> items_;
    std::vector<Item*> stack_;  // null: a mark
    std::map<std::uint64_t, Item*> memo_;
};

}  // namespace

std::map<std::string, StoredTensor> read_state_dict(const std::string& name,
                                                    std::span<const std::byte> bytes) {
    if (bytes.empty())
        return {};
    const ZipEntries zip(name, bytes);
    const std::string folder = zip.folder_of("data.pkl");
    if (const auto* order = zip.find(folder + "byteorder");
        order != nullptr && order->size() >= 3 && static_cast<char>((*order)[0]) == 'b')
        fail("{}: its numbers have the most significant byte first, which is not supported", name);
    Machine machine(zip, folder);
    const auto* all = machine.run()->as<Pairs>();
    if (all == nullptr)
        fail("{}: is no dictionary of tensors", name);
    std::map<std::string, StoredTensor> out;
    for (const auto& [key, value] : all->of)
        if (const auto* own = key->as<std::string>(); own != nullptr)
            if (const auto* t = value->as<StoredTensor>())
                out.insert_or_assign(*own, *t);
    return out;
}

}  // namespace skald::compiler::graphs
