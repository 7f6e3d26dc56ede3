#include "sip/stack.hpp"

#include "sip/core.hpp"

namespace nearend::sip {

Stack::Stack(io::Loop& loop, Transport& transport, StackSettings settings, Listener& listener, io::Dns* dns)
    : core_(std::make_unique<Core>(loop, transport, std::move(settings), listener, dns)) {}
Stack::~Stack() = default;

Result<DialogId> Stack::invite(InviteRequest request) {
  return core_->invite(std::move(request));
}
void Stack::cancel(DialogId dialog, std::string_view reason_header) {
  core_->cancel(dialog, reason_header);
}
Result<void> Stack::progress(DialogId dialog, int status, Body body, ExtraHeaders headers) {
  return core_->progress(dialog, status, std::move(body), std::move(headers));
}
Result<void> Stack::accept(DialogId dialog, Body body, ExtraHeaders headers) {
  return core_->accept(dialog, std::move(body), std::move(headers));
}
Result<void> Stack::refuse(DialogId dialog, int status, std::string_view reason, ExtraHeaders headers) {
  return core_->refuse(dialog, status, reason, std::move(headers));
}
Result<void> Stack::acknowledge(DialogId dialog, Body answer) {
  return core_->acknowledge(dialog, std::move(answer));
}
Result<void> Stack::reinvite(DialogId dialog, Body offer, ExtraHeaders headers) {
  return core_->reinvite(dialog, std::move(offer), std::move(headers));
}
Result<uint64_t> Stack::request(DialogId dialog, Method method, Body body, ExtraHeaders headers) {
  return core_->request(dialog, method, std::move(body), std::move(headers));
}
Result<void> Stack::respond(ServerTransactionId transaction, int status, Body body, ExtraHeaders headers,
                            std::string_view reason) {
  return core_->respond(transaction, status, std::move(body), std::move(headers), reason);
}
void Stack::end(DialogId dialog, ExtraHeaders headers) {
  core_->end(dialog, std::move(headers));
}
Result<void> Stack::send_request(Method method, std::string uri, std::string from, std::vector<Target> targets,
                                 Body body, ExtraHeaders headers, ResponseHandler on_response,
                                 std::optional<Credentials> credentials) {
  return core_->send_request(method, std::move(uri), std::move(from), std::move(targets), std::move(body),
                             std::move(headers), std::move(on_response), std::move(credentials));
}
bool Stack::is_changing(DialogId dialog) const {
  return core_->is_changing(dialog);
}
std::optional<DialogFacts> Stack::facts(DialogId dialog) const {
  return core_->facts(dialog);
}
std::optional<Endpoint> Stack::peer(DialogId dialog) const {
  return core_->peer(dialog);
}
size_t Stack::dialogs() const {
  return core_->dialogs();
}
size_t Stack::transactions() const {
  return core_->transactions();
}

}  // namespace nearend::sip
