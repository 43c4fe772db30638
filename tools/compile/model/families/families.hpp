// SPDX-License-Identifier: MIT
// Every family has a file here; families.cpp is the table of them all.
#pragma once

#include "model/family.hpp"
#include "model/pieces.hpp"

namespace skald::compiler::family {

Family llama();
Family mistral();
Family ministral();
Family mistral_native();
Family mixtral();
Family qwen2();
Family qwen3();
Family qwen2_moe();
Family qwen3_moe();
Family gemma();
Family gemma2();
Family gemma3();
Family phi();
Family phi3();
Family stablelm();
Family gpt_neox();
Family falcon();
Family cohere();
Family cohere2();
Family granite();
Family granite_moe();
Family olmo();
Family olmo2();
Family olmoe();
Family smollm3();
Family starcoder2();
Family gpt2();
Family gpt_oss();
Family deepseek();
Family bitnet();
Family glm4();
Family exaone4();
Family ernie();
Family nemotron();
Family lfm2();
Family arcee();

// Known by name, and refused for what the card has not.
std::vector<Family> recurrent();

}  // namespace skald::compiler::family
