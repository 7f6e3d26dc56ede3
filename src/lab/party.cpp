#include "lab/party.hpp"

namespace nearend::lab {
namespace {

using std::chrono::milliseconds;

class ExactParty final : public Party {
 public:
  explicit ExactParty(std::unique_ptr<Phone> phone) : phone_(std::move(phone)) {}
  void dial(const std::string& number, const Endpoint& gateway) override { phone_->dial(number, gateway); }
  void hangup() override { phone_->hangup(); }
  void press(char digit) override { phone_->press(digit); }
  bool wait_talking(milliseconds limit) override { return phone_->wait(Phone::State::talking, limit); }
  bool wait_ended(milliseconds limit) override { return phone_->wait(Phone::State::ended, limit); }
  Phone* exact() override { return phone_.get(); }
  Result<Samples> recording() override { return fail(Error::Kind::unsupported, "a lab phone records nothing"); }

 private:
  std::unique_ptr<Phone> phone_;
};

class RealParty final : public Party {
 public:
  explicit RealParty(Baresip phone) : phone_(std::move(phone)) {}
  void dial(const std::string& number, const Endpoint& gateway) override {
    (void)phone_.dial(fmt::format("sip:{}@{}", number, gateway.to_string()));
  }
  void hangup() override { (void)phone_.hangup(); }
  void press(char digit) override { phone_.press(digit); }
  bool wait_talking(milliseconds limit) override { return phone_.wait_event("CALL_ESTABLISHED", limit).has_value(); }
  bool wait_ended(milliseconds limit) override { return phone_.wait_event("CALL_CLOSED", limit).has_value(); }
  Result<Samples> recording() override {
    phone_.stop();
    return phone_.heard();
  }

 private:
  Baresip phone_;
};

}  // namespace

Result<std::unique_ptr<Party>> exact_party(const Wan& wan, SiteId site, const PhoneSettings& settings) {
  auto phone = Phone::start(wan, site, settings);
  if (!phone) return pass(phone);
  return std::make_unique<ExactParty>(std::move(*phone));
}

Result<std::unique_ptr<Party>> real_party(const Wan& wan, SiteId site, const BaresipSettings& settings,
                                          const std::filesystem::path& directory) {
  auto phone = Baresip::start(wan, site, settings, directory);
  if (!phone) return pass(phone);
  return std::make_unique<RealParty>(std::move(*phone));
}

}  // namespace nearend::lab
