#include "api/recording_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ids.hpp"

namespace nearend::api {
namespace {

/// A descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  bool is_open() const { return number_ >= 0; }
  int number() const { return number_; }

 private:
  int number_;
};

}  // namespace

Result<std::string> read_recording(const std::string& directory, std::string_view sid) {
  if (directory.empty() || !is_sid("RE", sid)) return fail(Error::Kind::not_found, "there is no such recording");
  const Descriptor root(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root.is_open()) return fail(Error::Kind::unavailable, "the recordings' directory cannot be opened");
  const std::string name = std::string(sid) + ".wav";
  const Descriptor file(openat(root.number(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat facts{};
  if (!file.is_open() || fstat(file.number(), &facts) != 0 || !S_ISREG(facts.st_mode))
    return fail(Error::Kind::not_found, "there is no such recording");
  if (static_cast<uint64_t>(facts.st_size) > recording_size_max)
    return fail(Error::Kind::unavailable, "the recording is larger than {} bytes", recording_size_max);
  std::string bytes(static_cast<size_t>(facts.st_size), '\0');
  size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t got = read(file.number(), bytes.data() + have, bytes.size() - have);
    if (got <= 0) break;
    have += static_cast<size_t>(got);
  }
  bytes.resize(have);
  return bytes;
}

}  // namespace nearend::api
