// SPDX-License-Identifier: MIT
// Chooses the front end, and checks what both have in common once it has read.
#include "error.hpp"
#include "model/model.hpp"

namespace skald::compiler {

// Every row of the embedding gets a piece: models are padded, and an id the tokenizer does not know
// may still be the most likely one.
void fit_tokenizer(Model& model) {
    auto& pieces = model.tokenizer.pieces;
    if (pieces.size() > model.spec.vocabulary)
        fail("{}: the tokenizer has {} tokens, the model only {} rows of embeddings",
             model.config.source, pieces.size(), model.spec.vocabulary);
    pieces.resize(model.spec.vocabulary, {"", tokenizer::PieceKind::kUnused, 0});
}

Model load_model(const std::filesystem::path& path, const std::filesystem::path& lora) {
    namespace fs = std::filesystem;
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (!fs::exists(status))
        fail("{}: no such file or folder", path.string());
    if (!lora.empty() && !fs::is_directory(status))
        fail("{}: is a file; an adapter is merged into the folder that it was trained on",
             path.string());
    Model model = fs::is_directory(status) ? load_hugging_face(path, lora) : load_gguf(path);
    fit_tokenizer(model);
    return model;
}

}  // namespace skald::compiler
