// A text in the user's editor.
#pragma once

#include <string>

#include "base/status.h"

namespace prism::cli {

// A file that is opened in $VISUAL, $EDITOR or vi, again and again until its text will do. Life
// cycle: one for each thing that is edited; the file is readable by its owner alone and goes with
// the object, unless it is kept.
class EditedFile {
 public:
  // `name` is part of the file's name. FILE_UNWRITABLE.
  static Result<EditedFile> Make(const std::string& name);

  EditedFile(EditedFile&& other) noexcept;
  EditedFile& operator=(EditedFile&&) = delete;
  ~EditedFile();

  // What the editor has made of the text. FAILED_PRECONDITION/EDITOR_FAILED when it can't be
  // started or ends with another code than 0.
  Result<std::string> Edit(const std::string& text);
  // Leaves the file where it is, so that nobody's work is lost.
  const std::string& Keep();

 private:
  explicit EditedFile(std::string path) : path_(std::move(path)) {}

  std::string path_;
  bool kept_ = false;
};

}  // namespace prism::cli
