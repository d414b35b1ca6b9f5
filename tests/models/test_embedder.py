import torch

from rnnmm.batch import Padded
from rnnmm.models.ecapa import EcapaTdnn
from rnnmm.models.embedder import Embedder
from rnnmm.models.encoder import Crnn
from rnnmm.nn.margin import MarginHead, SoftmaxHead
from rnnmm.nn.pooling import ChannelAttentiveStatistics, Statistics


def frames(*lengths: int) -> Padded:
    return Padded.stack([torch.randn(steps, 12) for steps in lengths])


def test_embeddings_are_centred_on_what_training_saw() -> None:
    torch.manual_seed(0)
    model = Embedder(Crnn(12, channels=(4, 4), hidden_dim=8), 12, 5, 6).train()
    batch = frames(*range(10, 30))
    for _ in range(60):
        model.embed(batch)
    embeddings = model.eval().embed(batch)
    assert embeddings.shape == (20, 6)
    torch.testing.assert_close(embeddings.mean(0), torch.zeros(6), atol=0.01, rtol=0)


def test_embeddings_do_not_depend_on_the_batch() -> None:
    torch.manual_seed(0)
    encoder = EcapaTdnn(12, 16, 16, squeeze_dim=4)
    model = Embedder(encoder, 12, 5, 6, ChannelAttentiveStatistics, Statistics)
    batch = frames(31, 9, 17, 23)
    model.train().embed(batch)
    together = model.eval().embed(batch)
    for row, expected in zip(batch.rows()[::-1], together.flip(0)):
        alone = model.embed(Padded.stack([row]))[0]
        torch.testing.assert_close(alone, expected, atol=1e-5, rtol=0)


def test_input_pooling_lets_the_level_through() -> None:
    torch.manual_seed(0)
    encoder = Crnn(12, channels=(4, 4), hidden_dim=8)
    model = Embedder(encoder, 12, 5, 6, input_pooling=Statistics)
    assert model.embedding_dim == 6 + 2 * 12
    encoder.requires_grad_(False)
    x = frames(20, 30)
    data = x.data.requires_grad_()
    model.eval().embed(x).sum().backward()
    assert data.grad[0, :20].any(dim=1).all()


def test_the_loss_is_the_head_s() -> None:
    torch.manual_seed(0)
    x, labels = frames(20, 30), torch.tensor([1, 3])
    for head in (MarginHead, SoftmaxHead):
        model = Embedder(Crnn(12, channels=(4, 4), hidden_dim=8), 12, 5, 6, head=head).eval()
        expected = model.head.loss(model.embed(x), labels, 0.3)
        assert torch.equal(model.loss(x, labels, 0.3), expected)
        torch.testing.assert_close(model(x), model.head(model.embed(x)))


def test_whitening_is_for_comparisons_and_not_for_the_head() -> None:
    torch.manual_seed(0)
    model = Embedder(Crnn(12, channels=(4, 4), hidden_dim=8), 12, 5, 6).eval()
    x = frames(20, 30)
    before, scores = model.embed(x), model(x)
    torch.testing.assert_close(before, model.represent(x))
    model.centre.fill_(0.5)
    model.whitening.copy_(2 * torch.eye(6))
    torch.testing.assert_close(model.embed(x), 2 * (before - 0.5))
    assert torch.equal(model(x), scores)
