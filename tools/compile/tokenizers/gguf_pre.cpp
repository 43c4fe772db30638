// SPDX-License-Identifier: MIT
#include "tokenizers/gguf_pre.hpp"

namespace skald::compiler {
namespace {

using Pattern = std::string_view;

constexpr Pattern kGpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr Pattern kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr Pattern kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr Pattern kDigit = R"(\p{N})";
constexpr Pattern kDigits = R"(\p{N}+)";
constexpr Pattern kThreeDigits = R"([0-9][0-9][0-9])";
constexpr Pattern kUpToThreeDigits = R"(\p{N}{1,3})";
constexpr Pattern kPunctuation = R"([\p{P}\$\+<=>\^~\|]+)";
constexpr Pattern kFalconPunctuation = R"([\p{P}\$\+<=>\^~\|`]+)";
constexpr Pattern kJais2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1})";
constexpr Pattern kQwen35 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr Pattern kLineBreak = R"([\r\n])";
constexpr Pattern kDeepSeekLetters =
    R"(\s?[A-Za-z\x{B5}\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{1BA}\x{1BC}-\x{1BF}\x{1C4}-\x{293}\x{295}-\x{2AF}\x{370}-\x{373}\x{376}\x{377}\x{37B}-\x{37D}\x{37F}\x{386}\x{388}-\x{38A}\x{38C}\x{38E}-\x{3A1}\x{3A3}-\x{3F5}\x{3F7}-\x{481}\x{48A}-\x{52F}\x{531}-\x{556}\x{10A0}-\x{10C5}\x{13A0}-\x{13F5}\x{13F8}-\x{13FD}\x{1C90}-\x{1CBA}\x{1CBD}-\x{1CBF}\x{1D00}-\x{1D2B}\x{1D6B}-\x{1D77}\x{1D79}-\x{1D9A}\x{1E00}-\x{1F15}\x{1F18}-\x{1F1D}\x{1F20}-\x{1F45}\x{1F48}-\x{1F4D}\x{1F50}-\x{1F57}\x{1F59}\x{1F5B}\x{1F5D}\x{1F5F}-\x{1F7D}\x{1F80}-\x{1FB4}\x{1FB6}-\x{1FBC}\x{1FBE}\x{1FC2}-\x{1FC4}\x{1FC6}-\x{1FCC}\x{1FD0}-\x{1FD3}\x{1FD6}-\x{1FDB}\x{1FE0}-\x{1FEC}\x{1FF2}-\x{1FF4}\x{1FF6}-\x{1FFC}\x{2102}\x{2107}\x{210A}-\x{2113}\x{2115}\x{2119}-\x{211D}\x{2124}\x{2126}\x{2128}\x{212A}-\x{212D}\x{212F}-\x{2134}\x{2139}\x{213C}-\x{213F}\x{2145}-\x{2149}\x{214E}\x{2183}\x{2184}\x{2C00}-\x{2C7B}\x{2C7E}-\x{2CE4}\x{2CEB}-\x{2CEE}\x{2CF2}\x{2CF3}\x{A640}-\x{A66D}\x{A680}-\x{A69B}\x{A722}-\x{A76F}\x{A771}-\x{A787}\x{A78B}-\x{A78E}\x{AB70}-\x{ABBF}\x{FB00}-\x{FB06}\x{FB13}-\x{FB17}\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A}\x{10400}-\x{1044F}\x{104B0}-\x{104D3}\x{104D8}-\x{104FB}\x{10C80}-\x{10CB2}\x{10CC0}-\x{10CF2}\x{118A0}-\x{118DF}\x{1E900}-\x{1E943}]+)";
constexpr Pattern kDeepSeekPunctuation =
    R"(\s?[!-/:-~\x{FF01}-\x{FF0F}\x{FF1A}-\x{FF5E}\x{2018}-\x{201F}\x{3000}-\x{3002}]+)";
constexpr Pattern kSpacesAtTheEnd = R"(\s+$)";
constexpr Pattern kDeepSeekCjk = R"([\x{4E00}-\x{9FA5}\x{800}-\x{4E00}\x{AC00}-\x{D7FF}]+)";
constexpr Pattern kCoderLetters = R"(\s?\p{L}+)";
constexpr Pattern kCoderPunctuation = R"(\s?\p{P}+)";
constexpr Pattern kCjk = R"([\x{4E00}-\x{9FA5}\x{3040}-\x{309F}\x{30A0}-\x{30FF}]+)";
constexpr Pattern kDeepSeek3 =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr Pattern kSpark =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+)";
constexpr Pattern kTekken =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr Pattern kGpt4o =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr Pattern kYoutu =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr Pattern kYoutuCjk =
    R"([\x{AC00}-\x{D7A3}\x{3131}-\x{318E}]+|[\x{FF01}\x{2026}\x{201C}\x{201D}\x{2018}\x{2019}\x{2014}\x{FF1A}\x{FF1B}\x{FF0C}\x{3001}-\x{303F}\x{FE30}-\x{FE4F}]+|[\x{3105}-\x{312F}]+|[\x{4E00}-\x{9FA5}\x{3040}-\x{309F}\x{30A0}-\x{30FF}]+)";
constexpr Pattern kKimi =
    R"([\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr Pattern kBloom =
    R"( ?[^(\s|.,!?\x{2026}\x{3002}\x{FF0C}\x{3001}\x{964}\x{6D4}\x{60C})]+)";
constexpr Pattern kSentinel = R"(<sentinel:[0-9]+>)";
constexpr Pattern kImage = R"((IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z)";
constexpr Pattern kChameleonSpace = R"(([\t\n]|    |  ))";
constexpr Pattern kChameleonPunctuation = R"([\p{P}!-/:-@\[-`{-~])";
constexpr Pattern kTinyAyaDigits = R"(\d{1,3}(?=(?:\d{3})*\b))";
constexpr Pattern kSuperDigits = R"((?=(\d{3})+(?!\d)))";
constexpr Pattern kBailing =
    R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)";
constexpr Pattern kSeedCoder =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr Pattern kUfakzeka =
    R"([^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr Pattern kAfmoeDigits = R"(\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N})))";
constexpr Pattern kAfmoeCjk =
    R"([\x{4E00}-\x{9FFF}\x{3400}-\x{4DBF}\x{F900}-\x{FAFF}\x{3040}-\x{309F}\x{30A0}-\x{30FF}\x{FF65}-\x{FF9F}\x{2F00}-\x{2FDF}\x{E40}-\x{E7F}\x{E80}-\x{EFF}\x{1780}-\x{17FF}\x{1000}-\x{109F}\x{AA60}-\x{AA7F}\x{A9E0}-\x{A9FF}\x{AC00}-\x{D7AF}\x{1100}-\x{11FF}]+)";
constexpr Pattern kLines = R"([^\n]+|[\n]+)";
constexpr Pattern kExaoneMoe =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+)";
constexpr Pattern kMiniCpm5 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr Pattern kDefaultSplits[] = {kPunctuation, kGpt2, kDigits, kThreeDigits};
constexpr Pattern kLlama3Splits[] = {kLlama3};
constexpr Pattern kMinicpm5Splits[] = {kUpToThreeDigits, kMiniCpm5};
constexpr Pattern kJais2Splits[] = {kJais2};
constexpr Pattern kDeepseekLlmSplits[] = {kLineBreak,      kDeepSeekLetters, kDeepSeekPunctuation,
                                          kSpacesAtTheEnd, kDeepSeekCjk,     kDigits};
constexpr Pattern kDeepseekCoderSplits[] = {kLineBreak, kCoderLetters, kCoderPunctuation,
                                            kDeepSeekCjk, kDigit};
constexpr Pattern kDeepseekV3Splits[] = {kUpToThreeDigits, kCjk, kDeepSeek3};
constexpr Pattern kSpark25Splits[] = {kUpToThreeDigits, kCjk, kSpark, kDigit};
constexpr Pattern kYoutuSplits[] = {kYoutuCjk, kYoutu};
constexpr Pattern kFalconSplits[] = {kFalconPunctuation, kGpt2, kThreeDigits};
constexpr Pattern kStarcoderSplits[] = {kDigit, kGpt2};
constexpr Pattern kGpt2Splits[] = {kGpt2};
constexpr Pattern kQwen2Splits[] = {kQwen2};
constexpr Pattern kQwen35Splits[] = {kQwen35};
constexpr Pattern kPoroChatSplits[] = {kBloom};
constexpr Pattern kVikingSplits[] = {kBloom, kDigit};
constexpr Pattern kTekkenSplits[] = {kTekken};
constexpr Pattern kGpt4OSplits[] = {kGpt4o};
constexpr Pattern kTinyAyaSplits[] = {kTinyAyaDigits, kGpt4o};
constexpr Pattern kKimiK2Splits[] = {kKimi};
constexpr Pattern kSuperbpeSplits[] = {kDigits, kSuperDigits};
constexpr Pattern kChameleonSplits[] = {
    kSentinel, kImage, kChameleonSpace, kDigit, kChameleonPunctuation, kGpt2};
constexpr Pattern kBailingmoeSplits[] = {kBailing};
constexpr Pattern kSeedCoderSplits[] = {kSeedCoder};
constexpr Pattern kUfakzekaSplits[] = {kUfakzeka};
constexpr Pattern kAfmoeSplits[] = {kAfmoeDigits, kAfmoeCjk, kDeepSeek3};
constexpr Pattern kLagunaSplits[] = {kLines, kQwen2};
constexpr Pattern kExaoneMoeSplits[] = {kExaoneMoe};

constexpr GgufPre kPres[] = {
    {"default", kDefaultSplits, false, false},
    {"llama3", kLlama3Splits, true, true},
    {"llama-v3", kLlama3Splits, true, true},
    {"llama-bpe", kLlama3Splits, true, true},
    {"falcon3", kLlama3Splits, true, true},
    {"falcon-h1", kLlama3Splits, true, true},
    {"pixtral", kLlama3Splits, true, true},
    {"midm-2.0", kLlama3Splits, true, true},
    {"lfm2", kLlama3Splits, true, true},
    {"jina-v5-nano", kLlama3Splits, true, true},
    {"minicpm5", kMinicpm5Splits, false, true},
    {"dbrx", kLlama3Splits, false, false},
    {"smaug-bpe", kLlama3Splits, false, false},
    {"glm4", kLlama3Splits, false, false},
    {"chatglm-bpe", kLlama3Splits, false, false},
    {"jais-2", kJais2Splits, false, false},
    {"deepseek-llm", kDeepseekLlmSplits, false, false},
    {"deepseek-coder", kDeepseekCoderSplits, false, false},
    {"deepseek-v3", kDeepseekV3Splits, false, false},
    {"hunyuan-dense", kDeepseekV3Splits, false, false},
    {"joyai-llm", kDeepseekV3Splits, false, false},
    {"hy_v4", kDeepseekV3Splits, false, false},
    {"spark2_5", kSpark25Splits, false, false},
    {"youtu", kYoutuSplits, false, true},
    {"falcon", kFalconSplits, false, false},
    {"starcoder", kStarcoderSplits, false, false},
    {"refact", kStarcoderSplits, false, false},
    {"command-r", kStarcoderSplits, false, false},
    {"smollm", kStarcoderSplits, false, false},
    {"codeshell", kStarcoderSplits, false, false},
    {"exaone", kStarcoderSplits, false, false},
    {"minerva-7b", kStarcoderSplits, false, false},
    {"mellum2", kStarcoderSplits, false, false},
    {"gpt-2", kGpt2Splits, false, false},
    {"phi-2", kGpt2Splits, false, false},
    {"mpt", kGpt2Splits, false, false},
    {"olmo", kGpt2Splits, false, false},
    {"jais", kGpt2Splits, false, false},
    {"trillion", kGpt2Splits, false, false},
    {"granite-docling", kGpt2Splits, false, false},
    {"exaone4", kGpt2Splits, false, false},
    {"gigachat", kGpt2Splits, false, false},
    {"a.x-4.0", kGpt2Splits, false, false},
    {"mellum", kGpt2Splits, false, false},
    {"modern-bert", kGpt2Splits, false, false},
    {"jina-es", kGpt2Splits, false, false},
    {"jina-de", kGpt2Splits, false, false},
    {"jina-v2-es", kGpt2Splits, false, false},
    {"jina-v2-de", kGpt2Splits, false, false},
    {"qwen2", kQwen2Splits, false, false},
    {"deepseek-r1-qwen", kQwen2Splits, false, false},
    {"kormo", kQwen2Splits, false, false},
    {"f2llmv2", kQwen2Splits, false, false},
    {"megrez", kQwen2Splits, false, false},
    {"stablelm2", kQwen2Splits, false, false},
    {"hunyuan", kQwen2Splits, false, false},
    {"solar-open", kQwen2Splits, false, false},
    {"grok-2", kQwen2Splits, false, false},
    {"qwen35", kQwen35Splits, false, false},
    {"poro-chat", kPoroChatSplits, false, false},
    {"bloom", kPoroChatSplits, false, false},
    {"gpt3-finnish", kPoroChatSplits, false, false},
    {"viking", kVikingSplits, false, false},
    {"tekken", kTekkenSplits, true, true},
    {"gpt-4o", kGpt4OSplits, false, false},
    {"llama4", kGpt4OSplits, false, false},
    {"kanana2", kGpt4OSplits, false, false},
    {"talkie", kGpt4OSplits, false, false},
    {"minimax-m2", kGpt4OSplits, false, false},
    {"tiny_aya", kTinyAyaSplits, false, false},
    {"cohere2moe", kTinyAyaSplits, false, false},
    {"kimi-k2", kKimiK2Splits, false, false},
    {"superbpe", kSuperbpeSplits, false, false},
    {"chameleon", kChameleonSplits, true, false},
    {"bailingmoe", kBailingmoeSplits, false, false},
    {"bailingmoe2", kBailingmoeSplits, false, false},
    {"llada-moe", kBailingmoeSplits, false, false},
    {"seed-coder", kSeedCoderSplits, false, false},
    {"ufakzeka", kUfakzekaSplits, false, false},
    {"afmoe", kAfmoeSplits, false, false},
    {"laguna", kLagunaSplits, false, false},
    {"exaone-moe", kExaoneMoeSplits, false, false},
};

}  // namespace

std::span<const GgufPre> gguf_pres() {
    return kPres;
}

const GgufPre* find_gguf_pre(std::string_view name) {
    for (const GgufPre& pre : kPres)
        if (pre.name == name)
            return &pre;
    return nullptr;
}

}  // namespace skald::compiler
